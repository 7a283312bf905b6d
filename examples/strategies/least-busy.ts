import { createTransport, leastBusy } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

// #region usage
const llm = createTransport({
  providers: [
    simulated({ name: 'one GPU', firstTokenMs: 20 }),
    simulated({ name: 'two GPUs', firstTokenMs: 20, traits: { weight: 2 } }),
  ],
  route: leastBusy(),
});
// #endregion
await Promise.all([llm.complete({ prompt: 'a' }), llm.complete({ prompt: 'b' })]);

// #region look
const answers = await Promise.all(Array.from({ length: 9 }, (_, index) => llm.complete({ prompt: `${index}` })));
console.log(answers.filter(({ provider }) => provider === 'two GPUs').length); // 6 of 9
// #endregion

await llm.close();
