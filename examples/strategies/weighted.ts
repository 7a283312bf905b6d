import { createTransport, weighted } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

// #region usage
const llm = createTransport({
  providers: [
    simulated({ name: 'contract', traits: { weight: 3 } }),
    simulated({ name: 'second', traits: { weight: 1 } }),
    simulated({ name: 'emergency', traits: { weight: 0 } }), // only when nobody else can be asked
  ],
  route: weighted(),
});

for (let call = 1; call <= 4; call += 1) console.log((await llm.complete({ prompt: 'Hello' })).provider);
// contract contract second contract
// #endregion

await llm.close();
