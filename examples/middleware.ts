// #region middleware
import { contextKey, createTransport, type Middleware, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

export const tenant = contextKey('tenant', 'anonymous');

/** Lets every tenant make so many calls at once. */
export function fairShare({ calls }: { calls: number }): Middleware {
  return function fairShare(next) {
    const running = new Map<string, number>();

    return async (request, context) => {
      const who = context.get(tenant);
      const now = running.get(who) ?? 0;
      if (now >= calls) throw new TransportError('budget_exceeded', `${who} has ${now} calls running`);

      running.set(who, now + 1);
      const leave = () => running.set(who, (running.get(who) ?? 1) - 1);
      try {
        const reply = await next(request, context);
        void reply.done.then(leave); // answered, not done: the stream may go on for minutes
        return reply;
      } catch (error) {
        leave();
        throw error;
      }
    };
  };
}

const llm = createTransport({ providers: [simulated()], use: [fairShare({ calls: 2 })] });
await llm.complete({ prompt: 'Hello' }, { values: [tenant.of('acme')] });
// #endregion

const results = await Promise.allSettled(
  ['a', 'b', 'c'].map((prompt) => llm.complete({ prompt }, { values: [tenant.of('acme')] })),
);
console.log(results.map(({ status }) => status));
await llm.close();
