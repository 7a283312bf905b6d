import { createTransport, roundRobin } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

// #region usage
const llm = createTransport({
  providers: [simulated({ name: 'a' }), simulated({ name: 'b' }), simulated({ name: 'c' })],
  route: roundRobin(),
});

for (let call = 1; call <= 4; call += 1) console.log((await llm.complete({ prompt: 'Hello' })).provider); // a b c a
// #endregion

await llm.close();
