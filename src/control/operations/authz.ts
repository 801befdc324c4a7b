/*
 * `authz id` and `authz roles list`: who the server takes this connection for, and which roles there are, in the manual's XML.
 */
import { answer, type Operation } from './operation.ts';

function attribute(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

function rolesOf(names: readonly string[]): string {
  return names.length === 0 ? '<Roles/>' : `<Roles>${names.map((name) => `<Role name="${attribute(name)}"/>`).join('')}</Roles>`;
}

export const authzId: Operation = {
  words: ['authz', 'id'],
  usage: 'authz id',
  about: 'who you are to the server, and your roles',
  run: async (_server, _args, { session: { access } }) =>
    answer(`<AuthzInformation username="${attribute(access.user ?? '')}">${rolesOf(await access.roles())}</AuthzInformation>`),
};

export const authzRolesList: Operation = {
  words: ['authz', 'roles', 'list'],
  usage: 'authz roles list',
  about: 'the roles of the configuration',
  run: (_server, _args, { session: { access } }) => answer(rolesOf(access.allRoles)),
};
