// What is wrong with a policy, before the server is asked. The server decides.
import { actionsBesides, session } from '../confab/session';

const ivschat = [
  'CreateChatToken', 'CreateLoggingConfiguration', 'CreateRoom', 'DeleteLoggingConfiguration', 'DeleteMessage', 'DeleteRoom', 'DisconnectUser', 'GetLoggingConfiguration', 'GetRoom',
  'ListLoggingConfigurations', 'ListRooms', 'ListTagsForResource', 'SendEvent', 'TagResource', 'UntagResource', 'UpdateLoggingConfiguration', 'UpdateRoom',
];

export interface PolicyCheck {
  /** What the server would refuse; empty if there is nothing. */
  error: string;
  /** What is allowed, and has no effect. */
  warnings: string[];
}

function actions(): string[] {
  return [...ivschat.map((a) => `ivschat:${a}`), ...[...session().operations, ...actionsBesides].map((a) => `confab:${a}`)];
}

const keys = new Set(['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition']);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

/** Reports whether an action, which may have * and ?, names one that the server has. */
function names(pattern: string, known: string[]): boolean {
  const expression = new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.')}$`, 'i');
  return known.some((action) => expression.test(action));
}

export function checkPolicy(text: string): PolicyCheck {
  const wrong = (error: string) => ({ error, warnings: [] });
  let document: Record<string, unknown>;
  try {
    document = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    return wrong(`This is not JSON: ${(error as Error).message}`);
  }
  if (typeof document !== 'object' || document === null || !('Statement' in document)) return wrong('A policy is an object with a Statement.');
  if (![undefined, '2008-10-17', '2012-10-17'].includes(document.Version as string)) return wrong('The Version is "2012-10-17".');
  const known = actions();
  const warnings: string[] = [];
  const statements = list(document.Statement) as Record<string, unknown>[];
  for (const [i, s] of statements.entries()) {
    const of = `Statement ${i + 1}`;
    if (typeof s !== 'object' || s === null) return wrong(`${of} is not an object.`);
    const odd = Object.keys(s).find((key) => !keys.has(key));
    if (odd) return wrong(`${of} has ${odd}; allowed are ${[...keys].join(', ')}.`);
    if (s.Effect !== 'Allow' && s.Effect !== 'Deny') return wrong(`${of}: the Effect is "Allow" or "Deny".`);
    if (('Action' in s) === ('NotAction' in s)) return wrong(`${of} has either Action or NotAction.`);
    if (('Resource' in s) === ('NotResource' in s)) return wrong(`${of} has either Resource or NotResource.`);
    for (const action of list(s.Action ?? s.NotAction)) {
      if (typeof action !== 'string' || (action !== '*' && !action.includes(':'))) return wrong(`${of}: ${JSON.stringify(action)} is not an action, such as ivschat:GetRoom.`);
      if (action !== '*' && !names(action, known)) warnings.push(`${of}: the server has no action ${action}.`);
    }
    for (const resource of list(s.Resource ?? s.NotResource)) {
      if (typeof resource !== 'string' || (resource !== '*' && !/^arn:|^\*/.test(resource))) return wrong(`${of}: ${JSON.stringify(resource)} is not a resource: an ARN, or "*".`);
    }
  }
  if (!statements.some((s) => s.Effect === 'Allow')) warnings.push('No statement allows anything.');
  return { error: '', warnings };
}
