/*
 * The property tests' seed: one for all of `npm test`, so that a change is judged by the change and not by luck.
 *
 * The one rule: whoever looks for new counterexamples does so on purpose. `npm run ok` and single files draw a new seed each time;
 * what they find becomes an example of its own beside the property.
 */
import fc from 'fast-check';

fc.configureGlobal({ seed: 20_261_123 });
