/**
 * Invokes an operation of kurento-client and waits for its value. Without a callback the library keeps errors to itself.
 *
 * @param {object} object of the library
 * @param {string} operation
 * @param {...unknown} parameters
 * @throws {Error} with the protocol's `code` and `data`
 */
export function ask(object, operation, ...parameters) {
  return new Promise((resolve, fail) => {
    object[operation](...parameters, (error, value) => (error ? fail(error) : resolve(value)));
  });
}
