import { createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';
import * as z from 'zod';

let said = '{"title":"Rain, later snow","degrees":-2}';
const llm = createTransport({ providers: [simulated({ answer: () => said })] });

// #region usage
const forecast = z.object({ title: z.string(), degrees: z.number() });

const { object } = await llm.complete({ prompt: 'The weather in Berlin?', schema: forecast });
console.log(object.title, object.degrees + 273); // typed as the schema says
// #endregion

said = '{"title":"Rain, later snow","degrees":"-2"}';
// #region mismatch
try {
  await llm.complete({ prompt: 'The weather in Berlin?', schema: forecast });
} catch (error) {
  if (!TransportError.is(error) || error.code !== 'schema_mismatch') throw error;
  console.log(error.message, error.partial?.text); // … does not match the schema at degrees
}
// #endregion

said = '{"title":"Rain, later snow","degrees":-2}';
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
