/**
 * The meaning of a configuration: what is refused, and in which words.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { formatConfigProblem, type ConfigProblem } from '../errors.ts';
import { memoryFiles } from '../files/memory-files.ts';
import { readConfiguration } from '../read-configuration.ts';
import type { CompileRegex } from '../resolver/patterns.ts';
import { declaredOptions, moduleDeclarations, scopeDeclarations } from '../declared/index.ts';

const compileRegex: CompileRegex = (pattern, flags) => {
  try {
    return { ok: true, regex: new RegExp(pattern, flags.caseless ? 'i' : '') };
  } catch (error) {
    return { ok: false, message: (error as Error).message, offset: 0 };
  }
};

function read(text: string, withPatterns = true) {
  const files = memoryFiles({ '/etc/e.conf': text });
  return readConfiguration({ main: '/etc/e.conf', files, searchPath: [], ...(withPatterns ? { compileRegex } : {}) });
}

function valid(text: string) {
  const result = read(text);
  assert.deepEqual(
    result.problems.map((problem) => problem.message),
    [],
  );
  assert.ok(result.snapshot);
  return result;
}

function only(text: string): ConfigProblem {
  const { problems, snapshot } = read(text);
  assert.equal(snapshot, undefined, 'with a problem there is no snapshot');
  assert.equal(problems.length, 1, problems.map((problem) => problem.message).join('\n'));
  return problems[0] as ConfigProblem;
}

test('CFG-05 option and scope names are found in any case, and kept in the canonical one', () => {
  const { snapshot } = valid('MAX_OUTBOUND_CONNECTIONS = 4\nesmtp_LISTENER { listen ":25" { ENABLE = off } }');
  assert.equal(snapshot?.root.options.get('max_outbound_connections')?.name, 'Max_Outbound_Connections');
  const listener = snapshot?.root.children.get('esmtp_listener');
  assert.equal(listener?.scope, 'ESMTP_Listener');
  assert.equal([...(listener?.children.values() ?? [])][0]?.options.get('enable')?.value, false);
});

test('CFG-05 binding names are told apart by case and hold no spaces or colons; domain names do not care about case', () => {
  const { snapshot } = valid(
    'Binding Mine { } Binding mine { } Domain EXAMPLE.com { Max_Retries = 1 } domain example.COM { Retry_Interval = 2 }',
  );
  assert.deepEqual([...(snapshot?.root.children.keys() ?? [])], ['binding\0Mine', 'binding\0mine', 'domain\0example.com']);
  assert.equal(only('Binding "a b" { }').code, 'wrong-instance');
  assert.equal(only('Binding_Group "a:b" { }').code, 'wrong-instance');
});

test('CFG-10 a scope that is written again is the same scope, and the later text overrides', () => {
  const { snapshot } = valid(
    'Binding_Group g { Max_Retries = 1 Binding b { } } Binding_Group "g" { Max_Retries = 2 Binding b { Retry_Interval = 3 } } scriptlet "scriptlet" { }\nAccept_Unimplemented = ( scriptlet )',
  );
  const group = snapshot?.root.children.get('binding_group\0g');
  assert.equal(group?.options.get('max_retries')?.value, 2);
  assert.equal(group?.children.size, 1);
  assert.equal(group?.children.get('binding\0b')?.options.get('retry_interval')?.value, 3);
});

test('CFG-10 V6-02 V6-04 the spellings of one address are one Listen and one Peer', () => {
  const { snapshot } = valid(
    'ESMTP_Listener { Listen "[::192.168.0.1]:25" { } Listen "[::C0A8:1]:25" { } Listen ":26" { } Listen "*:26" { }\n' +
      ['2001:db8:0:0:1:0:0:1', '2001:DB8:0:0:1:0:0:1', '2001:0DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '2001:db8:0000:0:1::1']
        .map((ip) => `Peer "${ip}" { }`)
        .join(' ') +
      '}',
  );
  const listener = snapshot?.root.children.get('esmtp_listener');
  assert.equal(listener?.children.size, 3);
});

test('CFG-11 an unknown option is told in the words of Momentum first, then with its place and the nearest name', () => {
  const text = 'Max_Retries = 1\n  Max_Outbuond_Connections = 4\n';
  const { problems, fileAt } = read(text);
  const [problem] = problems;
  assert.ok(problem);
  assert.equal(
    formatConfigProblem(problem, fileAt(problem.at)),
    [
      "No module provides capability 'config.Global:Max_Outbuond_Connections'",
      '/etc/e.conf:2:3: Unknown option "Max_Outbuond_Connections" in Global',
      '      Max_Outbuond_Connections = 4',
      '      ^^^^^^^^^^^^^^^^^^^^^^^^',
      '    did you mean Max_Outbound_Connections?',
    ].join('\n'),
  );
});

test('CFG-11 a scope that may not stand there is told in the words of Momentum, with where it may stand', () => {
  const unknown = only('Esmtp_Listner { }');
  assert.equal(unknown.manual, "'Esmtp_Listner' is not a valid scope name in scope 'Global'");
  assert.equal(unknown.hint, 'did you mean ESMTP_Listener?');
  const misplaced = only('Listen ":25" { }');
  assert.equal(misplaced.manual, "'Listen' is not a valid scope name in scope 'Global'");
  assert.match(misplaced.hint ?? '', /it may stand in: Control_Listener, .*ESMTP_Listener/);
  assert.match(only('Max_Retries { }').hint ?? '', /is an option: write Max_Retries = value/);
  assert.match(only('Security = 5').hint ?? '', /is a scope: write Security \{/);
});

test('CFG-11 an option in the wrong scope names the legal ones', () => {
  const problem = only('Domain a.test { PidFile = "/run/x" }');
  assert.equal(problem.manual, "No module provides capability 'config.Domain:PidFile'");
  assert.equal(problem.message, 'Option "PidFile" is not legal in Domain a.test');
  assert.equal(problem.hint, 'it is legal in: Global');
});

test('a value of the wrong form says what was written, where, and what would be right', () => {
  const problem = only('Domain a.test { Max_Retries = many }');
  assert.equal(problem.message, 'Cannot set "Max_Retries" to "many" in Domain a.test: expected one of auto, none, or a number');
  assert.equal(problem.at?.column, 31);
  assert.match(only('Relay_Hosts = ( 10.0.0.1 10.0.0.999 )').message, /"10\.0\.0\.999".*a list of addresses and networks/);
  assert.equal(
    only('Message_Expiration = -5').message,
    'Cannot set "Message_Expiration" to "-5": expected a whole number of seconds from 0',
  );
});

test('A78 all problems are collected, in the order of the text, and bounded', () => {
  const { problems } = read(Array.from({ length: 1000 }, (_, index) => `Nonsense_${index}_x = 1`).join('\n'));
  assert.equal(problems.length, 200);
  assert.deepEqual(
    problems.slice(0, 3).map((problem) => problem.at?.line),
    [1, 2, 3],
  );
  assert.match(problems.at(-1)?.manual ?? '', /and 801 more/);
});

test('CFG-12 whoever has a snapshot keeps it: a bad text gives none, a good one continues its number', () => {
  const first = valid('Max_Retries = 1').snapshot;
  const files = (text: string) => ({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [], previous: first });
  assert.equal(readConfiguration(files('Max_Retries = x')).snapshot, undefined);
  assert.equal(readConfiguration(files('Max_Retries = 2')).snapshot?.version, (first?.version ?? 0) + 1);
});

test('CFG-13 a module loads by an empty stanza or because an option of its is used; unknown ones are told as capabilities', () => {
  assert.ok(valid('ec_logger { }').modules.has('ec_logger'));
  assert.ok(valid('Response_Transcode_Pattern = "x"').modules.has('response_transcode'));
  assert.equal(valid('Max_Retries = 1').modules.size, 0);
  assert.equal(only('No_Such_Module = x').manual, "No module provides capability 'config.Global:No_Such_Module'");
});

test('CFG-13 options of a module are checked against its page, with the nearest name', () => {
  const problem = only('ec_logger { mainlogg = "/x" }');
  assert.equal(problem.manual, "No module provides capability 'config.ec_logger:mainlogg'");
  assert.equal(problem.hint, 'did you mean mainlog?');
  const far = only('maildir "m" { Maildir_Base = "/x" }');
  assert.match(far.hint ?? '', /^maildir takes: (?:\w+, )*basedir, (?:\w+, )*Debug_Level$/);
  // A name of another scope would not be taken here, however near it is.
  assert.match(only('maildir "m" { Max_Retris = 1 }').hint ?? '', /^maildir takes: /);
  valid('ec_logger "one" { mainlog = "/x" heartbeat = 0 } ec_logger "two" { mainlog = "/y" }');
});

test('CFG-14 every module takes Enabled and Debug_Level; listeners take Enable, never Enabled', () => {
  const { snapshot } = valid('ec_logger { Enabled = false Debug_Level = debug }');
  assert.equal(snapshot?.root.children.get('ec_logger')?.options.get('debug_level')?.value, 'DEBUG');
  assert.equal(only('ESMTP_Listener { Enabled = false }').code, 'wrong-scope');
});

test('CFG-14 a validation module in passive mode restricts nothing by itself, so it does not stop the start', () => {
  valid('clamav { Enabled = false }');
  assert.equal(only('clamav { Enabled = true }').code, 'guard-missing');
});

test('CFG-15 the ecstream module stands before ECStream_Listener', () => {
  valid('ecstream { }\nECStream_Listener { Listen ":1825" { } }');
  valid('ECStream_Listener { Listen ":1825" { } }');
  const problem = only('ECStream_Listener { Listen ":1825" { } }\necstream { }');
  assert.equal(problem.code, 'wrong-order');
  assert.equal(problem.at?.line, 1);
});

test('a guard that does not work yet stops the start with its place, unless the operator accepts it by name', () => {
  const problem = only('Max_Retries = 1\nsieve { }');
  assert.equal(problem.code, 'guard-missing');
  assert.match(problem.message, /guard not working yet/);
  assert.equal(problem.at?.line, 2);
  const accepted = valid('sieve { }\nAccept_Unimplemented = ( SIEVE )');
  assert.match(accepted.notices.map((notice) => notice.message).join('\n'), /sieve.*Accept_Unimplemented lists it/);
});

test('a guard counts only when it restricts: its own default changes nothing', () => {
  valid('Cluster_Max_Outbound_Connections = -1');
  assert.equal(only('Cluster_Max_Outbound_Connections = 5').code, 'guard-missing');
  valid('Cluster_Max_Outbound_Connections = 5\nCluster_Max_Outbound_Connections = -1');
});

test('one line for a guard: what stands inside it is covered by its acceptance', () => {
  assert.equal(only('clamav { Debug_Level = DEBUG }').code, 'guard-missing');
  valid('clamav { Debug_Level = DEBUG } Accept_Unimplemented = ( clamav )');
});

test('Accept_Unimplemented refuses names that do not exist and remarks on those that need no acceptance', () => {
  const problem = only('Accept_Unimplemented = ( spf_v2 )');
  assert.equal(problem.code, 'unused-name');
  assert.equal(problem.hint, 'did you mean spf_v1?');
  const { notices } = valid('Accept_Unimplemented = ( Max_Retries )');
  assert.match(notices.map((notice) => notice.message).join(), /Max_Retries.*needs no acceptance/);
});

test('what has no effect here is accepted with one notice for each name', () => {
  const { notices } = valid('TCP_Buffer_Size = 5\nUse_MMap = true\nCluster { TCP_Buffer_Size = 4 }');
  assert.equal(notices.filter((notice) => /^TCP_Buffer_Size is accepted and has no effect here$/.test(notice.message)).length, 1);
  assert.equal(notices.filter((notice) => notice.message.startsWith('Use_MMap')).length, 1);
});

test('the notice says why there is no effect: what the table says of the option, or what is missing as a whole', () => {
  const { notices } = valid('License = x\nAdaptive_Enabled = true\nUse_MMap = true\nSNMP { SysContact = ops }');
  assert.deepEqual(
    notices.map((notice) => notice.message),
    [
      'License is accepted and has no effect here: Impetus needs none',
      'Adaptive_Enabled is accepted and has no effect here: there is no adaptive delivery yet, so limits stay as they are set',
      'Use_MMap is accepted and has no effect here',
      'scope SNMP, with all in it, is accepted and has no effect here: there is no SNMP agent yet',
    ],
  );
});

test('what stands in a scope without effect is told by the line of that scope alone; the same option elsewhere keeps its own', () => {
  const { notices } = valid(
    'ThreadPool a { Concurrency = 4 }\nHTTP_Listener { Listen ":80" { Peer 10.0.0.1 { } } }\nESMTP_Listener { Listen ":25" { Concurrency = 2 } }',
  );
  assert.deepEqual(
    notices.map((notice) => notice.message.replace(/ here.*/, '')),
    [
      'scope ThreadPool, with all in it, is accepted and has no effect',
      'scope HTTP_Listener, with all in it, is accepted and has no effect',
      'Concurrency is accepted and has no effect',
    ],
  );
});

test('a problem of the language says what would be right in whatever file it stands (CFG-11)', () => {
  const problem = only('Hostname = \u201cmta.example\u201d');
  assert.equal(problem.hint, 'use the plain quotation mark " instead of the typographic one');
});

test('FB-09 a pattern that does not compile is a problem with its place, and wildcards name the pattern to write', () => {
  const problem = only('Domain "/(unclosed/" { }');
  assert.equal(problem.code, 'wrong-pattern');
  assert.match(only('Domain "*.example.com" { }').hint ?? '', /Domain "\/\.\*\\\.example\\\.com\$\/"/);
});

test('FB-13 a match cache of size 0 must not be used', () => {
  assert.match(only('Match_Cache_Size = 0').message, /from 1/);
});

test('FB-21 a listener names a Pathway, never a group, and one that exists', () => {
  valid('Pathway p { } ESMTP_Listener { Pathway = p Listen ":25" { Pathway = inner } } Pathway_Group g { Pathway inner { } }');
  valid('ESMTP_Listener { Pathway = default }');
  assert.match(only('Pathway_Group g { } ESMTP_Listener { Pathway = g }').message, /is a Pathway_Group/);
  assert.match(only('ESMTP_Listener { Pathway = gone }').message, /no Pathway "gone"/);
});

test('FB-21 options of an ESMTP_Listener that a Pathway_Group does not know are a warning there', () => {
  const { notices } = valid('Pathway_Group g { Reconfig_Message = "4.3.2 later" }');
  assert.match(notices[0]?.message ?? '', /Reconfig_Message is not recognized in a Pathway_Group/);
});

test('FB-22 LSN-17 Peer stands only where its listener has it, and in an ECStream_Listener takes two options', () => {
  assert.equal(only('MSGCServer_Listener { Peer 10.0.0.1 { } }').code, 'wrong-scope');
  assert.equal(only('MSGCServer_Listener { Listen ":1" { Peer 10.0.0.1 { } } }').code, 'wrong-scope');
  assert.equal(only('ECCluster_Listener { Listen ":4802" { Peer 10.0.0.1 { } } }').code, 'wrong-scope');
  valid('ECStream_Listener { Peer 10.0.0.1 { ECStream_Idle_Time = 5 ECStream_Max_Batch_Size = 1 } }');
  assert.equal(only('ECStream_Listener { Listen ":1" { Peer 10.0.0.1 { Idle_Time = 5 } } }').code, 'wrong-scope');
});

test('options of a Listen are those of its listener', () => {
  assert.equal(only('Control_Listener { Listen "/tmp/2025" { Relay_Hosts = ( 10.0.0.1 ) } }').code, 'wrong-scope');
  valid('Control_Listener { Listen "/tmp/2025" { File_Mode = 0666 Listen_Backlog = 500 } }');
});

test('scopes that need a name, take none, or have a wrong one are told what to write', () => {
  assert.equal(only('Domain { }').hint, 'write Domain "name" { ... }');
  assert.equal(only('Security "x" { }').hint, 'write Security { ... }');
  assert.match(only('ESMTP_Listener { Listen "2001:db8::1:25" { } }').hint ?? '', /\[2001:db8::1\]:25/);
  assert.match(only('ESMTP_Listener { Peer "mail.example" { } }').hint ?? '', /without brackets/);
});

test('whole files of the manual hold these: Listen in ECCluster_Listener, Datasource at the top, hooks of sieve, scanners in antivirus', () => {
  valid('ECCluster_Listener { Listen "*:4802" { Listen_Backlog = 5 } }');
  valid('Datasource "users" { uri = ( "sqlite:/x" ) cache_life = 3600 }');
  valid(
    'sieve "s" { hook:delay_dsn_send_notification [ script = "/x.siv" ] hook name { script = "/x" pool = IO } }\nAccept_Unimplemented = ( sieve )',
  );
  valid(
    'clamav { } antivirus { clamav { daemon = "127.0.0.1:3310" paranoid = 1 enabled = true } }\nAccept_Unimplemented = ( antivirus clamav )',
  );
  valid('opendkim "opendkim1" { key = "/k" dkim_domain "example.com" { selector = s } }\nAccept_Unimplemented = ( opendkim )');
});

test('Debug_Flags is read as a scope and as a dictionary', () => {
  for (const text of ['Debug_Flags { Debug = ( SMTP DNS ) }', 'Debug_Flags = [ DEBUG = ( SMTP DNS ) ]']) {
    const flags = valid(text).snapshot?.root.children.get('debug_flags');
    assert.deepEqual(flags?.options.get('debug')?.value, ['SMTP', 'DNS']);
  }
});

test('every declaration is sound: a key for each name, known scopes, defaults of their type', () => {
  const scopes = new Set(['global', ...scopeDeclarations.map((scope) => scope.name.toLowerCase())]);
  const places = new Set<string>();
  for (const option of declaredOptions) {
    for (const scope of option.scopes) {
      const place = `${scope.toLowerCase()}:${option.name.toLowerCase()}`;
      assert.ok(!places.has(place), `${place} is declared twice`);
      places.add(place);
    }
    assert.match(option.key, /^[a-z][A-Za-z0-9]*$/);
    assert.ok(option.about.length > 0 && option.scopes.length > 0, option.name);
    const text =
      'default' in option && ['string', 'number', 'boolean'].includes(typeof option.default) ? String(option.default) : undefined;
    const scope = option.scopes.find((name) => name.toLowerCase() === 'global');
    if (text === undefined || scope === undefined || (option.type as { kind: string }).kind === 'octal' || option.name === 'Pathway')
      continue;
    const wrong = read(`${option.name} = "${text}"`).problems.filter((problem) => problem.code === 'wrong-type');
    assert.deepEqual(wrong, [], `the default of ${option.name}`);
  }
  assert.ok(scopes.size > 30);
  assert.equal(new Set(moduleDeclarations.map((module) => module.name)).size, moduleDeclarations.length);
});
