/**
 * The real network behind ConnectPort.
 *
 * The one rule: one address, no name resolution, no family guessing: all of that was decided before. noDelay from the start, because a
 * turn is one write anyway and waiting for an acknowledgement would only add its delay. A Unix socket is an address too.
 */
import { connect } from 'node:net';
import type { ConnectPort } from './ports.ts';

export const tcpConnect: ConnectPort = ({ ip, port, localAddress, isPath }) =>
  isPath === true
    ? connect({ path: ip })
    : connect({ host: ip, port, noDelay: true, autoSelectFamily: false, ...(localAddress === undefined ? {} : { localAddress }) });
