/**
 * The real network behind ConnectPort.
 *
 * The one rule: one address, no name resolution, no family guessing: all of that was decided before. noDelay from the start, because a
 * turn is one write anyway and waiting for an acknowledgement would only add its delay.
 */
import { connect } from 'node:net';
import type { ConnectPort } from './ports.ts';

export const tcpConnect: ConnectPort = ({ ip, port, localAddress }) =>
  connect({ host: ip, port, noDelay: true, autoSelectFamily: false, ...(localAddress === undefined ? {} : { localAddress }) });
