import type { ErrorRequestHandler, Response } from 'express';

/** An answer that is not a success: thrown by the platform, or given to fail() by a test. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly body: object,
  ) {
    super(JSON.stringify(body));
  }
}

/** An error as the API words it (Developer Guide, "RingCentral API Error Codes"). */
export function apiError(status: number, errorCode: string, message: string, parameterName?: string): Refusal {
  const errors = [{ errorCode, message, ...(parameterName !== undefined && { parameterName }) }];
  return new Refusal(status, { errorCode, message, errors });
}

/** An error as the token endpoint words it. */
export function loginError(error: string, errorCode: string, message: string, status = 400): Refusal {
  return new Refusal(status, { error, error_description: message, errors: [{ errorCode, message }] });
}

/** The access token is unknown, or has ended. */
export function tokenInvalid(): Refusal {
  const message = 'Token not found';
  return new Refusal(401, { errorCode: 'TokenInvalid', message, errors: [{ errorCode: 'OAU-213', message }] });
}

/** What CMN-408 says if an administrator has not allowed the user to read others' messages. */
export const NO_PERMISSION =
  'In order to call this API endpoint, user needs to have [ReadMessages] permission for requested resource.';

/** A parameter has a wrong value. */
export function invalid(parameterName: string): Refusal {
  return apiError(400, 'CMN-101', `Parameter [${parameterName}] value is invalid`, parameterName);
}

/** There is nothing under this path, or under this parameter of it. */
export function notFound(parameterName?: string): Refusal {
  const resource = parameterName === undefined ? 'Resource' : `Resource for parameter [${parameterName}]`;
  return apiError(404, 'CMN-102', `${resource} is not found`, parameterName);
}

/** Answers with what was thrown: a refusal as it is, anything else as the API's 500. */
export const refuse: ErrorRequestHandler = (error: Error, _req, res, _next) => {
  const { status, body } = error instanceof Refusal ? error : apiError(500, 'CMN-201', String(error));
  res.status(status).json(body);
};

/**
 * What goes wrong with a request: 'hang' accepts and never answers, 'cut' destroys the connection, 'html' is a gateway's
 * 502, 'empty' a 200 without a body. Otherwise an answer, such as one of apiError(). A string is sent as it is, as HTML
 * unless the headers say otherwise; anything else as JSON.
 */
export type Fault =
  'hang' | 'cut' | 'html' | 'empty' | { status: number; headers?: Record<string, string>; body: unknown };

/** Gives a request its fault. */
export function misbehave(res: Response, fault: Fault): void {
  if (fault === 'hang') return;
  if (fault === 'cut') res.destroy();
  else if (fault === 'empty') res.end();
  else if (fault === 'html') res.status(502).send('<html><body><h1>502 Bad Gateway</h1></body></html>');
  else {
    res.status(fault.status).header(fault.headers);
    if (typeof fault.body === 'string') res.send(fault.body);
    else res.json(fault.body);
  }
}

/** The fields of a request's body, which can be anything. */
export function fields(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null ? { ...body } : {};
}
