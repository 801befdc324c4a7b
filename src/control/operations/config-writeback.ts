/*
 * `config writeback [path]`: saves what was changed into the files it belongs to; with Commit_Writeback (ours) they become a revision of eccfg.
 *
 * With a path, that file is written in place of the main one. What cannot be saved is shown with a warning. What was saved stays saved when it
 * cannot be committed, and then the command fails, so that somebody looks. Truth: CC-20, CFG-40 to CFG-46, CFG-48.
 */
import { answer, pathArgument, refusal, type Operation } from './operation.ts';

export const configWriteback: Operation = {
  words: ['config', 'writeback'],
  usage: 'config writeback [path]',
  about: 'save changes into the files they belong to',
  namesFiles: (args) => args.length > 0,
  async run(server, _args, { session, rest }) {
    const { ok, text: said, saved: paths } = await session.config.writeBack(pathArgument(rest));
    const data = { saved: paths };
    if (!ok) return refusal(said);
    if (paths.length === 0) return answer(said, data);
    const username = session.access.user ?? 'ecelerity';
    const committed = await server.commitSaved({ paths, username, message: `config writeback by ${session.who}` });
    if (committed === undefined) return answer(said, data);
    const text = [said, ...committed.lines].join('\n');
    return committed.ok ? answer(text, data) : refusal(text);
  },
};
