/** How the service says no: the name that the SDK makes an exception of, a message, a status. */
export class Refusal extends Error {
  readonly type: string;
  readonly status: number;

  constructor(type: string, message: string, status = 400) {
    super(message);
    this.type = type;
    this.status = status;
  }
}

export const invalidParameter = (message: string): Refusal =>
  new Refusal("InvalidParameterException", message);
export const invalidRequest = (message: string): Refusal => new Refusal("InvalidRequestException", message);
export const notFound = (message: string): Refusal => new Refusal("ResourceNotFoundException", message);
export const exists = (message: string): Refusal => new Refusal("ResourceExistsException", message);
