/* Every option of a listener in every scope where it may stand: its value takes effect there, and without it the fallback.
 * The one rule: the list of options and scopes is the declarations' own, so that a new option without a row fails here. For each pair the
 * configuration is read as a file, asked as a connection asks it, and looked at through a session (test/kit/listener-probes.ts).
 * What has no effect here must be in docs/quirks.md, or belong to another protocol. Facts: LSN-05, FB-06, FB-07. */
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, parseIp } from '#base';
import { declaredOptions, memoryFiles, readConfiguration, type OptionDeclaration, type Resolver } from '#config';
import type { OptionRecord } from '#inbound';
import { LimitTable } from '#limits';
import { makeAuthority, makeCertificate, makeWhole } from '../../test/kit/certificates.ts';
import { certificateRows, rows, type Row } from '../../test/kit/listener-probes.ts';
import { loopPlan } from './event-loops.ts';
import { inboundThrottles } from './inbound-throttles.ts';
import { resolverOf } from './site.ts';
import { esmtpStanzas } from './stanzas.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-options-'));
after(() => rmSync(dir, { recursive: true }));
makeAuthority(dir);
makeCertificate(dir, 'server');
makeWhole(dir, 'server', ['server.test']);
makeWhole(dir, 'second', ['second.test']);
const client = makeCertificate(dir, 'client');
const shown = { cert: readFileSync(client.cert), key: readFileSync(client.key) };

/** The scopes of the walk; a Peer may stand in a Listen and in the listener. */
const PLACES = ['Global', 'Pathway_Group', 'Pathway', 'ESMTP_Listener', 'Peer in ESMTP_Listener', 'Listen', 'Peer in Listen'] as const;
type Place = (typeof PLACES)[number];

const INSIDE = { listen: ':25', ip: '192.0.2.7' };
/** Who is beside a place and must not have its value. */
const NEIGHBOURS: Readonly<Record<Place, readonly { listen: string; ip: string }[]>> = {
  Global: [],
  ESMTP_Listener: [],
  Pathway_Group: [{ ...INSIDE, listen: ':26' }],
  Pathway: [{ ...INSIDE, listen: ':26' }],
  Listen: [{ ...INSIDE, listen: ':26' }],
  'Peer in ESMTP_Listener': [{ ...INSIDE, ip: '192.0.2.8' }],
  'Peer in Listen': [
    { ...INSIDE, ip: '192.0.2.8' },
    { ...INSIDE, listen: ':26' },
  ],
};

function configuration(row: Pick<Row, 'set' | 'base' | 'top'>, name: string, place: Place | undefined): Resolver {
  const at = (here: Place): string => (here === place ? row.set : '');
  const pathway = name === 'Pathway' ? '' : `Pathway = "${place === 'Pathway_Group' ? 'inner' : 'plain'}"`;
  const text = `EventLoop "first" { Concurrency = 1 } EventLoop "second" { Concurrency = 1 }
${row.top ?? ''}
${at('Global')}
Pathway_Group "g" { ${at('Pathway_Group')}
  Pathway "inner" { } }
Pathway "plain" { ${at('Pathway')} }
ESMTP_Listener {
  ${row.base ?? ''}
  ${at('ESMTP_Listener')}
  Peer "192.0.2.7" { ${at('Peer in ESMTP_Listener')} }
  Listen ":25" { ${pathway} ${at('Listen')}
    Peer "192.0.2.0/29" { }
    Peer "192.0.2.7" { ${at('Peer in Listen')} }
  }
  Listen ":26" { }
}`.replaceAll('{dir}', dir);
  const { snapshot, problems } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
  assert.deepEqual(
    problems.map((problem) => problem.message),
    [],
    text,
  );
  return resolverOf(snapshot!);
}

interface Asked {
  readonly resolver: Resolver;
  readonly options: OptionRecord;
  readonly listen: string;
  readonly ip: string;
}

function ask(resolver: Resolver, at: { listen: string; ip: string }): Asked {
  const record = resolver.listening({ listener: 'esmtp_listener', listen: at.listen, ip: parseIp(at.ip) });
  return { resolver, options: record as unknown as OptionRecord, ...at };
}

/** Options that are looked at as the socket of one loop. */
function socketRow(set: string, key: string, seen: unknown, unset: unknown): OwnRow {
  return {
    set,
    seen,
    unset,
    own: ({ resolver, listen }) => {
      const stanza = esmtpStanzas(resolver, { plan: loopPlan(resolver), loop: 0 }).find(({ address }) => address === listen);
      return (stanza as unknown as Record<string, unknown>)[key];
    },
  };
}

interface OwnRow extends Pick<Row, 'set' | 'base' | 'top' | 'seen' | 'unset'> {
  readonly own: (at: Asked) => unknown;
}

const ownRows: Readonly<Record<string, OwnRow>> = {
  Enable: socketRow('Enable = false', 'enable', false, true),
  Event_Loop: socketRow('Event_Loop = "second"', 'enable', false, true),
  Listen_Backlog: socketRow('Listen_Backlog = 7', 'backlog', 7, 500),
  File_Mode: socketRow('File_Mode = 0600', 'fileMode', 0o600, 0o660),
  TCP_Recv_Buffer_Size: socketRow('TCP_Recv_Buffer_Size = 8192', 'recvBuffer', 8192, undefined),
  TCP_Send_Buffer_Size: socketRow('TCP_Send_Buffer_Size = 8192', 'sendBuffer', 8192, undefined),
  Inbound_Throttle_Messages: {
    set: 'Inbound_Throttle_Messages = 1',
    seen: [true, false],
    unset: [true, true],
    own: ({ resolver, options }) => {
      const limits = LimitTable.attach(LimitTable.create({ loops: 1, slots: 8, rates: 8 }), { loop: 0, clock: new ManualClock() });
      const throttles = inboundThrottles(resolver, limits);
      return [throttles.take(options), throttles.take(options)];
    },
  },
};

const table: Readonly<Record<string, OwnRow>> = {
  ...ownRows,
  ...Object.fromEntries(
    Object.entries({ ...rows, ...certificateRows(shown) }).map(([name, { probe, ...row }]) => [
      name,
      { ...row, own: probe } satisfies OwnRow,
    ]),
  ),
};

const isHere = (scope: string): boolean => ['Global', 'ESMTP_Listener', 'Listen', 'Peer', 'Pathway', 'Pathway_Group'].includes(scope);
const ofListeners = (declaredOptions as readonly OptionDeclaration[]).filter((option) =>
  option.scopes.some((scope) => scope !== 'Global' && isHere(scope)),
);
const placesOf = (option: OptionDeclaration): Place[] => PLACES.filter((place) => option.scopes.includes(place.replace(/ in .*/, '')));

/** The console's, and a listener for mail refuses them (AUTH-44). */
const OF_THE_CONSOLE = new Set(['AuthorizationParameters', 'Enable_Authorization']);
/** Options of protocols that are not SMTP, although their scopes are shared. */
const OF_OTHER_PROTOCOLS =
  /^(ECStream_|Max_Request_Size|Disable_Chunked|Log_Requests_To_Paniclog|TLS_Verified_Peer_Is_Authorized|.*DuraVIP)/;

const working = ofListeners.filter((option) => option.implemented && option.status !== 'inert' && !OF_THE_CONSOLE.has(option.name));

for (const option of working) {
  const row = table[option.name];
  test(`${option.name} takes effect in each scope where it may stand, and only there (LSN-05, FB-06, FB-07)`, async () => {
    assert.ok(row !== undefined, `${option.name} has no row: say in test/kit/listener-probes.ts how a client sees it`);
    const look = (resolver: Resolver, at: { listen: string; ip: string }): unknown => row.own(ask(resolver, at));
    assert.deepEqual(await look(configuration(row, option.name, undefined), INSIDE), row.unset, 'unset everywhere');
    const places = placesOf(option);
    assert.ok(places.length > 0);
    for (const place of places) {
      const resolver = configuration(row, option.name, place);
      assert.deepEqual(await look(resolver, INSIDE), row.seen, `set in ${place}`);
      // What a socket has cannot depend on who comes.
      for (const neighbour of NEIGHBOURS[place]) assert.deepEqual(await look(resolver, neighbour), row.unset, `set in ${place}, beside it`);
    }
  });
}

test('every option of a listener works, or is in the quirks, or is of another protocol, or stops the start (LSN-05)', () => {
  const quirks = readFileSync(new URL('../../docs/quirks.md', import.meta.url), 'utf8');
  const silent = ofListeners
    .filter((option) => !working.includes(option) && !OF_THE_CONSOLE.has(option.name) && !OF_OTHER_PROTOCOLS.test(option.name))
    .filter((option) => !(option.status === 'guards' && !option.implemented))
    .filter((option) => !quirks.includes(option.name));
  assert.deepEqual(
    silent.map((option) => option.name),
    [],
  );
  assert.deepEqual(
    Object.keys(table).filter((name) => !working.some((option) => option.name === name)),
    [],
  );
});
