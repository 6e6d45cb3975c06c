// Writes the types of the operations that Confab adds, from their service model.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const model = JSON.parse(readFileSync(new URL('../../extension/service-2.json', import.meta.url), 'utf8'));
const builtIn = { string: 'string', timestamp: 'string', boolean: 'boolean', integer: 'number', long: 'number', double: 'number', float: 'number' };

function type(name) {
  const shape = model.shapes[name];
  switch (shape.type) {
    case 'structure': return name;
    case 'list': return `${type(shape.member.shape)}[]`;
    case 'map': return `Record<string, ${type(shape.value.shape)}>`;
    default: return shape.enum ? `(${shape.enum.map((v) => `'${v}'`).join(' | ')})` : builtIn[shape.type];
  }
}

function structure(name, shape, every) {
  const members = Object.entries(shape.members).map(([member, { shape: of, documentation }]) => {
    const comment = documentation ? `  /** ${documentation.replace(/<\/?p>/g, '')} */\n` : '';
    return `${comment}  ${member}${every || shape.required?.includes(member) ? '' : '?'}: ${type(of)};\n`;
  });
  return `export interface ${name} {\n${members.join('')}}\n`;
}

const structures = Object.entries(model.shapes).filter(([, shape]) => shape.type === 'structure' && !shape.exception);
// The events of webhooks are names in the documentation of the member: the model has no other place for them.
const events = model.shapes.CreateWebhookInput.members.events.documentation.match(/\b[a-z]+(?:\.[a-z]+)+\b/g);
const operations = Object.entries(model.operations).map(([name, { input, output }]) => `  ${name}: { input: ${input.shape}; output: ${output?.shape ?? 'Record<string, never>'} };\n`);
mkdirSync(new URL('src/confab', import.meta.url), { recursive: true });
writeFileSync(new URL('src/confab/operations.ts', import.meta.url), [
  '// Written by types.mjs from the service model.\n',
  ...structures.map(([name, shape]) => structure(name, shape, false)),
  `/** The types of events that a webhook can get. */\nexport const webhookEvents = ${JSON.stringify(events)};\n`,
  `export interface Operations {\n${operations.join('')}}\n`,
].join('\n'));
