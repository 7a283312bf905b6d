import { createTransport, lowestLatency } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

// #region usage
const llm = createTransport({
  providers: [
    simulated({ name: 'near', firstTokenMs: 5 }),
    simulated({ name: 'far', firstTokenMs: 50 }),
    simulated({ name: 'farther', firstTokenMs: 80 }),
  ],
  route: lowestLatency(),
});

const asked = new Map<string, number>();
for (let call = 1; call <= 30; call += 1) {
  const { provider } = await llm.complete({ prompt: 'Hello' });
  asked.set(provider, (asked.get(provider) ?? 0) + 1);
}
console.log(asked); // mostly near; far where near was not drawn; farther hardly ever
// #endregion
console.log(llm.health().map(({ name, firstContentMs }) => `${name}: ${Math.round(firstContentMs ?? 0)} ms`));

await llm.close();
