/*
 * A console behind ssh: the ssh program opens the way (`ssh -W`), and what it says in trouble reaches the person's terminal.
 *
 * The one rule: keys, known hosts and passwords are ssh's business. Truth: CON-01.
 */
import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { Endpoint } from './endpoint.ts';

export function sshTunnel({ address, ssh }: Endpoint): Duplex {
  if (ssh === undefined) throw new Error('this endpoint needs no tunnel');
  const port = ssh.port === undefined ? [] : ['-p', ssh.port];
  const child = spawn('ssh', ['-W', address, ...port, '--', ssh.destination], { stdio: ['pipe', 'pipe', 'inherit'] });
  const stream = Duplex.from({ writable: child.stdin, readable: child.stdout });
  child.on('error', (error) => stream.destroy(new Error(`ssh cannot be run: ${error.message}`)));
  stream.on('close', () => child.kill());
  return stream;
}
