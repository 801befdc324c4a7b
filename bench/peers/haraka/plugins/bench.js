'use strict';
// Everything is relayed; delivery goes to 127.0.0.1:$BENCH_SINK, or waits for ever (workload accept).
exports.hook_connect = function (next, connection) {
  connection.relaying = true;
  next();
};
exports.hook_rcpt = function (next) {
  next(OK);
};
exports.hook_get_mx = function (next) {
  if (process.env.BENCH_MODE === 'accept') return;
  next(OK, [{ exchange: '127.0.0.1', port: Number(process.env.BENCH_SINK), priority: 0 }]);
};
exports.get_mx_timeout = 0;
