import type { TransportError } from '../../core/errors.ts';
import type { Itinerary } from '../../core/itinerary.ts';

/** Who is asked for a stream that makes another good, which broke with `error`: where it can be, not those whose streams broke. */
export function wayOn(
  error: TransportError,
  {
    broke,
    isUnable,
    asksElsewhere,
  }: {
    readonly broke: ReadonlySet<string>;
    /** They cannot do what is asked of them. */
    readonly isUnable: readonly string[];
    readonly asksElsewhere: boolean;
  },
): Itinerary {
  const isFinal = error.retry === 'elsewhere' && error.blame !== 'transport';
  return {
    tried: !isFinal && asksElsewhere ? broke : new Set<string>(),
    givenUp: new Set([...(isFinal ? broke : []), ...isUnable]),
    asked: broke,
    last: [...broke].at(-1),
    patienceMs: 0,
    paid: true,
    hop: undefined,
    resumes: error,
  };
}
