/*
 * ec_dump_config: the configuration as XML, as it would be in force: includes in their places, later texts over earlier ones.
 *
 * The one rule: a configuration that would not be taken gives no XML but every problem with file and line, and exit status 1.
 * The form is ours: <scope type= name=> with <option name=>; lists have <item>, dictionaries <item key=>. Secrets stand in it as they
 * stand in the file, so a file that it writes is its owner's alone. Truth: CLI-07, ECC-10.
 */
import { chmodSync, closeSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import {
  formatConfigProblem,
  formatValue,
  MAIN_FILE_NAME,
  nodeName,
  readConfiguration,
  searchPath,
  systemFiles,
  type OwnOption,
  type ScopeNode,
} from '#config';
import { escapeText } from '#observe';
import { compilePcre } from '#system';
import { wrongWords } from './wrong-words.ts';

const usage = `usage: ec_dump_config [-c FILE] [-e DIR] [-f FILE]
  -c FILE     the configuration (default: ${MAIN_FILE_NAME}, found by the search path)
  -e DIR      accepted: modules are part of the program here and are loaded from nowhere else
  -f FILE     write the XML there instead of to standard output
  -h, --help  this text
Exit status: 0 done, 1 the configuration has problems or the file cannot be written, 64 wrong words.`;

function options() {
  return parseArgs({
    options: {
      c: { type: 'string', short: 'c' },
      e: { type: 'string', short: 'e' },
      f: { type: 'string', short: 'f' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

/** XML has no way to say a control character: they stand as they do in logs. */
function text(value: string): string {
  // oxlint-disable-next-line no-control-regex
  const safe = /[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]|\p{Cs}/u.test(value) ? escapeText(value) : value;
  return safe.replace(/[<>&"\n\t]/g, (c) => `&#${c.charCodeAt(0)};`);
}

function optionXml(option: OwnOption, indent: string): string {
  const { name, value, written } = option;
  const open = `${indent}<option name="${text(name)}"`;
  if (written?.kind === 'word') return `${open}>${text(written.text)}</option>\n`;
  const item = (line: string): string => `${indent}  ${line}\n`;
  if (Array.isArray(value)) {
    const items = (value as readonly string[]).map((one) => item(`<item>${text(one)}</item>`));
    return `${open}>\n${items.join('')}${indent}</option>\n`;
  }
  if (value instanceof Map) {
    const items = [...(value as ReadonlyMap<string, string>)].map(([key, one]) => item(`<item key="${text(key)}">${text(one)}</item>`));
    return `${open}>\n${items.join('')}${indent}</option>\n`;
  }
  return `${open}>${text(formatValue(value))}</option>\n`;
}

function inside(node: ScopeNode, indent: string): string {
  const own = [...node.options.values()].map((option) => optionXml(option, indent));
  const children = [...node.children.values()].map((child) => {
    const head = `${indent}<scope type="${text(child.scope)}"${child.instance === undefined ? '' : ` name="${text(child.instance)}"`}`;
    const body = inside(child, `${indent}  `);
    return body === '' ? `${head}/>\n` : `${head}>\n${body}${indent}</scope>\n`;
  });
  return own.concat(children).join('');
}

function write(path: string, xml: string): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    chmodSync(path, 0o600);
    writeSync(fd, xml);
  } finally {
    closeSync(fd);
  }
}

function complain(status: number, words: string): number {
  process.stderr.write(`ec_dump_config: ${words}\n`);
  return status;
}

function main(): number {
  let given: ReturnType<typeof options>['values'];
  try {
    given = options().values;
  } catch (error) {
    return complain(64, `${wrongWords(error)}\n${usage}`);
  }
  if (given.help === true) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const directories = searchPath({
    environment: process.env['EC_CONF_SEARCH_PATH'],
    nodeName: nodeName({ environment: process.env['EC_NODE_NAME'], hostName: hostname() }),
  });
  const read = readConfiguration({
    main: given.c ?? MAIN_FILE_NAME,
    files: systemFiles,
    searchPath: directories,
    compileRegex: compilePcre,
  });
  if (read.snapshot === undefined) {
    for (const problem of read.problems) process.stderr.write(`${formatConfigProblem(problem, read.fileAt(problem.at))}\n`);
    process.stderr.write('Reconfigure failed.\nGlobal configuration error.\n');
    return 1;
  }
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<configuration>\n${inside(read.snapshot.root, '  ')}</configuration>\n`;
  if (given.f === undefined) process.stdout.write(xml);
  else {
    try {
      write(given.f, xml);
    } catch (error) {
      return complain(1, `cannot write ${given.f}: ${(error as Error).message}`);
    }
  }
  return 0;
}

process.stdout.on('error', () => undefined);
process.exitCode = main();
