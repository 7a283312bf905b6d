// #region accounts
import { budget, contextKey, createTransport } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';

const tenant = contextKey('tenant', 'anonymous');
const daily = budget({ dollars: 20, by: tenant, everyMs: 86_400_000 }); // for each tenant, a day

const llm = createTransport({
  providers: [openai({ client: new OpenAI(), model: 'gpt-5.5', traits: { price: { input: 1.25, output: 10 } } })],
  useEach: [daily],
});

const summary = { prompt: 'Sum up order 4711.', maxOutputTokens: 300 };
const call = { transactionId: 'order-4711/summary', values: [tenant.of('acme')] };
const [one, other] = await Promise.all([llm.complete(summary, call), llm.complete(summary, call)]);

console.log(one.text === other.text, llm.usage().attempts); // true 1: calls with one id share one answer, and its price
for (const { key, attempts, cost } of llm.usage('provider')) console.log(key, attempts, cost);
for (const { key, spent, reserved } of daily.state()) console.log(key, spent.dollars, reserved.dollars);
// #endregion

await llm.close();
