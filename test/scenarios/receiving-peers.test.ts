/**
 * A server with a hundred thousand Peer blocks: each client has the options of the most specific one around its address.
 *
 * The one rule: what is asked here is that it works; what a look-up costs is measured in bench/peer-blocks.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepareServer, until } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

/** 100,000 networks of 256 addresses, from 10.0.0.0 on. */
function networks(): string {
  const lines: string[] = [];
  for (let n = 0; n < 100_000; n++)
    lines.push(`Peer "${10 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.0/24" { Banner_Hostname = "n${n}.test" }`);
  return lines.join('\n');
}

test('LSN-05 FB-07 with 100,000 Peer blocks a client has the options of the longest prefix, and the rest from the shorter ones', async (t) => {
  const server = await prepareServer({
    conf: `EventLoop "one" { Concurrency = 1 }
ESMTP_Listener {
${networks()}
Peer "127.0.0.0/8" { Banner_Hostname = "wide.test" SMTP_Extensions = ( "XREMOTEIP" ) }
Listen "127.0.0.1:{port:smtp}" {
  Peer "127.1.0.0/16" { Max_Message_Size = 1000 }
  Peer "127.1.2.3" { Max_Message_Size = 2000 }
}
}
`,
  });
  t.after(() => server.end());
  server.launch();
  // Seven megabytes of stanzas are read, checked and handed to the loop first.
  await until(
    () => /^impetus: ready/m.test(server.output),
    () => `the server to be ready; it printed:\n${server.output}`,
    240,
  );
  const seen = async (from: string, as?: string): Promise<string> => {
    const client = await SmtpClient.open(server.ports['smtp']!, from);
    const host = /^220 (\S+)/.exec(await client.reply())?.[1];
    if (as !== undefined) {
      assert.match(await client.say('EHLO c.test'), /XREMOTEIP/);
      assert.match(await client.say(`XREMOTEIP ${as}`), /^250 /);
      assert.match(await client.say('MAIL FROM:<a@b.test> SIZE=3000'), /^250 /);
      await client.quit();
      return `${host}`;
    }
    const size = /SIZE (\d+)/.exec(await client.say('EHLO c.test'))?.[1];
    await client.quit();
    return `${host} ${size}`;
  };
  assert.equal(await seen('127.0.0.1'), 'wide.test undefined');
  assert.equal(await seen('127.1.9.9'), 'wide.test 1000');
  assert.equal(await seen('127.1.2.3'), 'wide.test 2000');
  // The address that is believed decides: as 11.134.159.9 it is in the last block, where no size is set.
  assert.equal(await seen('127.1.2.3', '11.134.159.9'), 'wide.test');
});
