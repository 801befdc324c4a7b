/**
 * The room simulation: what would happen, found out on a simulated clock with the real queues and the real sender.
 *
 * The one rule: it has a world of its own and touches nothing of the running server; options, limits and their definitions come by ports.
 * Not here: words for people, the syntax of a plan (control). Truth: the issue's `simulate`.
 */
export { hopSocket } from './hop-socket.ts';
export { MESSAGES_MAX, QUEUES_MAX, simulate, type SimulatedQueueResult, type SimulationPlan, type SimulationResult } from './plan.ts';
