import { createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';
import * as z from 'zod';

const good = '{"title":"Rain, later snow","degrees":-2}';
const bad = '{"title":"Rain, later snow","degrees":"-2"}';
let said = [good];
const llm = createTransport({ providers: [simulated({ answer: () => said.shift() ?? bad })] });

// #region usage
const forecast = z.object({ title: z.string(), degrees: z.number() });

const { object } = await llm.complete({ prompt: 'The weather in Berlin?', schema: forecast });
console.log(object.title, object.degrees + 273); // typed as the schema says
// #endregion

said = [bad, good];
// #region again
const second = await llm.complete({ prompt: 'The weather in Berlin?', schema: forecast });
console.log(second.object.degrees, second.attempts.length); // -2 2: the first answer did not fit
// #endregion

said = [];
// #region mismatch
try {
  await llm.complete({ prompt: 'The weather in Berlin?', schema: forecast });
} catch (error) {
  if (!TransportError.is(error) || error.code !== 'schema_mismatch') throw error;
  console.log(error.message, error.partial?.text, error.attempts.length); // … at degrees … 3
}
// #endregion

said = ['{"title":'];
// #region stream
const stream = await llm.complete({ prompt: 'The weather in Berlin?', schema: forecast, stream: true });
try {
  for await (const text of stream.text) process.stdout.write(text);
  console.log((await stream.completion).object.title);
} catch (error) {
  if (!TransportError.is(error)) throw error;
  console.log(error.code); // truncated
}
// #endregion

said = [bad, good];
// #region stream-restart
const mended = await llm.complete(
  { prompt: 'The weather in Berlin?', schema: forecast, stream: true },
  { resume: { mode: 'restart' } },
);
let shown = '';
for await (const chunk of mended) {
  if (chunk.type === 'restart') shown = ''; // what came before did not fit
  if (chunk.type === 'text') shown += chunk.text;
}
console.log((await mended.completion).object.degrees, shown); // -2 {"title": …
// #endregion

said = [good];
// #region json-schema
const plain = await llm.complete({
  prompt: 'The weather in Berlin?',
  schema: {
    name: 'forecast',
    jsonSchema: { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] },
  },
});
console.log(plain.object); // parsed, and not looked at any further
// #endregion

await llm.close();
