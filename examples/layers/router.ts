import { createTransport } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

// #region usage
const llm = createTransport({
  providers: [
    simulated({ name: 'small', model: 'small-1', domain: 'vendor-a', traits: { tags: ['cheap'] } }),
    simulated({ name: 'large', model: 'large-1', domain: 'vendor-a', traits: { contextWindow: 200_000 } }),
    simulated({ name: 'europe', model: 'large-1', domain: 'vendor-b', traits: { region: 'eu' } }),
  ],
});

const cheap = await llm.complete({ prompt: 'Hello', require: { tags: ['cheap'] } }); // small
const large = await llm.complete({ prompt: 'Hello', model: 'large-1' }); // large, else europe
const eu = await llm.complete({ prompt: 'Hello', require: { region: 'eu' } }); // europe, or nobody
// #endregion
console.log(cheap.provider, large.provider, eu.provider);

// #region watch
llm.on('route', ({ chosen, strategy, candidates }) => {
  console.log(chosen, strategy, candidates); // europe priority [ { name: 'small', excluded: 'model' }, … ]
});
// #endregion
await llm.complete({ prompt: 'Hello', model: 'large-1', require: { region: 'eu' } });

await llm.close();
