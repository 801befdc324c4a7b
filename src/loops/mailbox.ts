/*
 * A typed end of one room's traffic: what the room says, what it asks and what comes back, checked by the compiler.
 *
 * Works over a LoopLink and over a LoopPool alike. The types describe what the room's own messages.ts declares; what
 * arrives is trusted, because only threads of this process can post it. No behaviour of its own.
 */
import type { Transferable } from 'node:worker_threads';
import type { Address } from './messages.ts';
import type { Answer, MessageHandler, RequestHandler } from './switchboard.ts';

/** What LoopLink and LoopPool have in common; `To` is who may be written to. */
export interface Post<To extends Address> {
  send(to: To, room: string, message: unknown, transfer?: readonly Transferable[]): boolean;
  request(to: To, room: string, message: unknown, deadlineMs: number): Promise<unknown>;
  onMessage(room: string, handler: MessageHandler): void;
  onRequest(room: string, handler: RequestHandler): void;
}

export interface TypedAnswer<Reply> {
  answer(reply: Reply, transfer?: readonly Transferable[]): void;
  refuse(reason: string): void;
}

export class Mailbox<To extends Address, Message, Question = never, Reply = never> {
  readonly room: string;
  #post: Post<To>;

  constructor(post: Post<To>, room: string) {
    this.#post = post;
    this.room = room;
  }

  /** False: not taken, the queue to that thread is at its bound. */
  send(to: To, message: Message, transfer?: readonly Transferable[]): boolean {
    return this.#post.send(to, this.room, message, transfer);
  }

  async ask(to: To, question: Question, deadlineMs: number): Promise<Reply> {
    return (await this.#post.request(to, this.room, question, deadlineMs)) as Reply;
  }

  onMessage(handler: (message: Message, from: Address) => void): void {
    this.#post.onMessage(this.room, handler as MessageHandler);
  }

  onQuestion(handler: (question: Question, from: Address, answer: TypedAnswer<Reply>) => void): void {
    this.#post.onRequest(this.room, handler as (message: unknown, from: Address, answer: Answer) => void);
  }
}
