import { createTransport, priority } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

// #region usage
const llm = createTransport({
  providers: [
    simulated({ name: 'contract', limits: { requestsPerMinute: 12 } }), // two at once, then one every five seconds
    simulated({ name: 'overflow' }),
  ],
  route: priority(), // the default
});

for (let call = 1; call <= 4; call += 1) console.log((await llm.complete({ prompt: 'Hello' })).provider);
// contract contract overflow overflow
// #endregion

await llm.close();
