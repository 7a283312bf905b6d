type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only when the type of the value is exactly `Expected`. Never run. */
export declare function exactly<Expected>(): <Given>(
  value: Given,
  ...wrong: Equal<Given, Expected> extends true ? [] : [never]
) => void;
