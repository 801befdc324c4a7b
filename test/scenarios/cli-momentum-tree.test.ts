/**
 * Moving from Momentum: a tree in the usual shape (several files, a directory, loggers, bindings, domains, modules, a console over
 * TCP, bits of a cluster) is reported, refused with places, and runs when its owner accepts what is not there yet.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { makeSelfSigned } from '../kit/certificates.ts';
import { mainMatching, panicMatching } from '../kit/log-lines.ts';
import { command, prepareServer, type Server } from '../kit/server.ts';
import { startSink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const main = `# A sending node that stands alone.
Hostname = "mta1.impetus.test"
SpoolBase = "{dir}/spool"
PidFile = "{dir}/ecelerity.pid"
Server_Max_Outbound_Connections = 20000
Retry_Interval = 1200
Max_Retry_Interval = 43200
Message_Expiration = 86400
Debug_Flags {
  ERROR = ( ALL )
  CRITICAL = ( ALL )
  NOTICE = ( START )
}
ThreadPool "accept-pool" { Concurrency = 4 }

include "listeners.conf"
include "loggers.conf"
readonly_include "modules.conf"
include "bindings.conf"
include "domains"
include "ecelerity-cluster.conf"
`;

const files = {
  'listeners.conf': `ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {
    Listen_Backlog = 500
    Pool_Name = "accept-pool"
  }
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "STARTTLS" )
  TLS_Certificate = "{dir}/mta1.pem"
  TLS_Key = "{dir}/mta1.key"
  Relay_Hosts = ( 127.0.0.0/8 )
  Peer "10.9.0.0/16" {
    Always_Deny = true
  }
  Peer "10.1.2.0/24" {
    Context = [ "__bypass_spf_v1" = "true" ]
    Max_Receptions_Per_Connection = 5000
  }
}
Control_Listener {
  Timeout = 60
  Listen "{dir}/console" { File_Mode = 0660 }
  Listen "127.0.0.1:{port:console}" {
    AuthLoginParameters = [
      uri = "digest:///$user?passwdfile=/opt/msys/ecelerity/etc/ecpasswds"
      log_authentication = "true"
    ]
  }
}
`,
  'loggers.conf': `ec_logger "ec_logger" {
  mainlog = "{dir}/mainlog.ec"
  rejectlog = "{dir}/rejectlog.ec"
  paniclog = "{dir}/paniclog.ec"
}
ec_logger "cluster" {
  mainlog = "jlog://{dir}/mainlog.cluster=>master"
  rejectlog = "jlog://{dir}/rejectlog.cluster=>master"
  paniclog = "jlog://{dir}/paniclog.cluster=>master"
}
bounce_logger "bounces" {
  bouncelog = "{dir}/bouncelog.ec"
}
`,
  'modules.conf': `csapi {
}
brightmail {
}
dkim_sign "dkim1" {
  key = "/opt/msys/ecelerity/etc/dkim/%{d}/%{s}.key"
  selector = "s1"
  header_canon = "relaxed"
  headerlist = "From:Subject:Date:To"
}
scriptlet "policy" {
  script "boot" {
    source = "/opt/msys/ecelerity/etc/lua/policy.lua"
  }
}
`,
  'bindings.conf': `Binding_Group "marketing" {
  Binding "mkt1" { Bind_Address = "127.0.0.2" EHLO_Hostname = "mkt1.impetus.test" }
  Binding "mkt2" { Bind_Address = "127.0.0.3" EHLO_Hostname = "mkt2.impetus.test" }
}
Binding "transactional" {
  Bind_Address = "127.0.0.4"
  Domain "slow.test" { Max_Outbound_Connections = 2 }
}
`,
  'domains/01-providers.conf': `Domain "slow.test" {
  Max_Outbound_Connections = 10
  Max_Deliveries_Per_Connection = 20
}
Domain "/^.*\\.bulk\\.test$/" {
  Gateway = "127.0.0.1:{port:hop}"
}
`,
  'domains/.hidden.conf': 'this is not read',
  'ecelerity-cluster.conf': `Cluster {
  cluster_group = "ec_cluster"
  control_group = "ec_console"
  Replicate "metrics" {}
}
ECCluster_Listener {
  Listen "127.0.0.1:4802" {}
}
`,
};

let server: Server;
/** What the refusal of the second test says can be accepted; the third does. */
const accepted: string[] = [];
before(async () => {
  server = await prepareServer({ bare: true, conf: main, files });
  makeSelfSigned(server.dir, 'mta1');
});
after(() => server.end());

test('validate_config --report says of everything in the tree what becomes of it here, with file and line, guards first', async () => {
  const { code, out } = await command('validate_config', ['--report', server.path('ecelerity.conf')]);
  assert.equal(code, 0);
  const headings = [...out.matchAll(/^(\S.*) \(\d+\)$/gm)].map((m) => m[1]!);
  assert.match(headings.join('; '), /^Guards that do not work yet.*; Works; Accepted without effect/);
  const guards = out.slice(0, out.indexOf('\nWorks ('));
  for (const place of [/csapi .*modules\.conf:1:1/, /brightmail .*modules\.conf:3:1/, /scriptlet .*modules\.conf:11:1/])
    assert.match(guards, place);
  const works = out.slice(out.indexOf('\nWorks ('), out.indexOf('\nAccepted without effect'));
  assert.match(works, /dkim_sign \{ \} +\S*modules\.conf:5:1/);
  assert.match(works, /AuthLoginParameters +\S*listeners\.conf:22:5/);
  assert.match(out.slice(out.indexOf('\nAccepted without effect')), /mainlog = jlog:\/\/\.\.\. +\S*loggers\.conf:7:3/);
  assert.match(out, /ECCluster_Listener \{ \} +\S*ecelerity-cluster\.conf:6:1/);
  assert.match(out, /Max_Outbound_Connections +\S*bindings\.conf:7:24 \S*01-providers\.conf:2:3/);
  assert.match(
    out.trimEnd().split('\n').at(-1)!,
    /^\d+ guards not working yet, \d+ work, \d+ without effect, 0 unknown, 0 other problems$/,
  );
  assert.doesNotMatch(out, /hidden/);
});

test('the start, --check and validate_config refuse with the same places, and each guard says how to run without it', async () => {
  const file = server.path('ecelerity.conf');
  const places = (text: string) => [...text.matchAll(/^\S+?([\w-]+\.conf:\d+:\d+): (\w+)/gm)].map((m) => `${m[1]} ${m[2]}`);
  const validated = await command('validate_config', [file]);
  const checked = await command('ecelerity', ['--check', '-c', file]);
  const started = await command('ecelerity', ['-c', file, '--foreground', '--allow-root']);
  assert.deepEqual([validated.code, checked.code, started.code], [1, 1, 1]);
  const told = places(validated.out);
  assert.ok(told.includes('modules.conf:1:1 csapi') && told.includes('modules.conf:11:1 scriptlet'), told.join('\n'));
  assert.deepEqual(places(checked.out), told);
  assert.deepEqual(places(started.err), told);
  const hints = [...started.err.matchAll(/Accept_Unimplemented = \( (\w+) \)/g)].map((m) => m[1]!);
  assert.equal(hints.length, told.length, 'each says how to run without it');
  accepted.push(...new Set(hints));
  assert.match(started.err, new RegExp(`not started: ${told.length} problems in the configuration`));
  assert.equal(existsSync(server.path('spool')), false, 'nothing was touched');
});

test('with Accept_Unimplemented it runs: mail flows, and what is not enforced is said at start and in the paniclog', async (t) => {
  const sink = await startSink(t);
  writeFileSync(
    server.path('domains/01-providers.conf'),
    server.fill(files['domains/01-providers.conf']).replace(`:${server.ports['hop']}`, `:${sink.port}`),
  );
  server.configure(`${main}\nAccept_Unimplemented = ( ${accepted.join(' ')} )\n`);
  await server.start();
  for (const name of ['csapi', 'brightmail', 'scriptlet'])
    assert.match(server.output, new RegExp(`warning +not enforced, accepted by Accept_Unimplemented: ${name}.*\\.conf:\\d+:\\d+`), name);
  await panicMatching(server, /modules\.conf:1:1: csapi protects nothing yet; Accept_Unimplemented lists it/);
  await panicMatching(server, /Control_Listener "127\.0\.0\.1:\d+" lets nobody in: .*Enable_Authentication/);
  const unasked = await command('ec_console', [`127.0.0.1:${server.ports['console']}`, 'pid']);
  assert.deepEqual([unasked.code, unasked.out], [1, ''], 'no console without a password');
  assert.match(unasked.err, /refuses: over TCP the console needs Enable_Authentication = true/);
  assert.equal((await command('ec_console', [server.path('console'), 'pid'])).out, `${server.pid}\n`);
  assert.ok(existsSync(server.path('mainlog.cluster/subscriber.master')), 'the log for the cluster waits for its reader');

  const client = await SmtpClient.open(server.ports['smtp']!);
  await client.reply();
  const extensions = await client.say('EHLO client.test');
  assert.match(extensions, /STARTTLS/);
  assert.doesNotMatch(extensions, /AUTH/, 'what does not work is not offered');
  assert.match(await client.send('a@sender.test', 'b@x.bulk.test', 'Subject: moved\r\n'), /^250 /);
  await client.quit();
  await mainMatching(server, 'D', 1);
  assert.equal(sink.messages.length, 1);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});
