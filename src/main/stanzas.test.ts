/* Tests of stanzas.ts.
 * The one rule: a socket's options come from its Listen, else its listener, and a buffer size only where somebody set one.
 * Facts: FB-07, LSN-04, LSN-06. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { memoryFiles, readConfiguration, type Resolver } from '#config';
import { controlStanzas, esmtpStanzas } from './stanzas.ts';
import { resolverOf } from './site.ts';

function of(text: string): Resolver {
  const { snapshot, problems } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
  assert.deepEqual(problems, []);
  return resolverOf(snapshot!);
}

test('LSN-06 Listen_Backlog, File_Mode, TCP_Recv_Buffer_Size and TCP_Send_Buffer_Size fall back from the Listen to the listener', () => {
  const stanzas = esmtpStanzas(
    of(
      'ESMTP_Listener { Listen_Backlog = 7 TCP_Recv_Buffer_Size = 8192 Listen ":25" { TCP_Send_Buffer_Size = 0 Listen_Backlog = 9 } Listen "/s" { File_Mode = 0600 } }',
    ),
  );
  assert.deepEqual(stanzas, [
    { address: ':25', enable: true, backlog: 9, fileMode: 0o660, recvBuffer: 8192, sendBuffer: 0 },
    { address: '/s', enable: true, backlog: 7, fileMode: 0o600, recvBuffer: 8192 },
  ]);
});

test('LSN-06 the documented buffers of 4096 bytes are not forced on a listener that sets none', () => {
  const [stanza] = esmtpStanzas(of('ESMTP_Listener { Listen ":25" { } }'));
  assert.deepEqual([stanza?.recvBuffer, stanza?.sendBuffer, stanza?.backlog], [undefined, undefined, 500]);
});

test('LSN-04 Enable = false closes one socket of a console, or all', () => {
  const enabled = (text: string): boolean[] => controlStanzas(of(text)).map((stanza) => stanza.enable);
  assert.deepEqual(enabled('Control_Listener { Listen "/a" { Enable = false } Listen "/b" { } }'), [false, true]);
  assert.deepEqual(enabled('Control_Listener { Enable = false Listen "/a" { } }'), [false]);
});
