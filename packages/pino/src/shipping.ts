// What ships: one pipeline, or a router with one for each route. In: a plan and the transports that it names. Out: what lines are
// written to. Invariant: all options are checked before anything is started; an error says which route it is about.

import { type AnyTransport, type Pipeline, pipeline, Router, routerName, SpillwayError, settle } from '@spillway/core';
import type { Plan, RoutePlan } from './options.js';

/** A pipeline, or several behind a router. */
export type Shipping = Pipeline | Router;

/** Starts what a plan says, with its transports in the order of the routes. */
export function shippingOf({ routes, keys }: Plan, transports: readonly AnyTransport[]): Shipping {
  if (routes[0]!.match === undefined) return pipeline(transports[0]!, routes[0]!.pipeline);
  // All of them, before one is started.
  settled(routes, transports);
  const pipelines = routes.map(({ pipeline: options }, at) => pipeline(transports[at]!, options));
  return new Router(
    routes.map(({ match = {} }, at) => ({ match, pipeline: pipelines[at]! })),
    keys,
  );
}

/** What is to be known of it before it runs, somewhere else.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function outlineOf({ routes }: Plan, transports: readonly AnyTransport[]) {
  const settings = settled(routes, transports);
  const names = transports.map(({ name, destination }) => ({ transport: name, destination }));
  return {
    name: routes[0]!.match === undefined ? names[0]! : routerName(names),
    deadlineMs: Math.max(...settings.map(({ close }) => close.deadlineMs)),
    pipelines: routes.length,
  };
}

/** The transports of a plan.
 * @throws SpillwayError `SPILLWAY_TRANSPORT_UNKNOWN`, `SPILLWAY_OPTIONS_INVALID`
 */
export function transportsOf({ routes }: Plan, resolve: (to: RoutePlan['to']) => AnyTransport): AnyTransport[] {
  return routes.map((route, at) => placing(route, at, () => resolve(route.to)));
}

/** The same, where their code has to be loaded first. */
export function loadedTransportsOf(
  { routes }: Plan,
  load: (to: RoutePlan['to']) => Promise<AnyTransport>,
): Promise<AnyTransport[]> {
  return Promise.all(
    routes.map((route, at) =>
      load(route.to).catch((error: unknown) => {
        throw placed(error, route, at);
      }),
    ),
  );
}

function settled(routes: readonly RoutePlan[], transports: readonly AnyTransport[]) {
  return routes.map((route, at) => placing(route, at, () => settle(route.pipeline, transports[at]!)));
}

function placing<T>(route: RoutePlan, at: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw placed(error, route, at);
  }
}

/** An error of a transport, or about its limits, with the route that it is about. */
function placed(error: unknown, { match }: RoutePlan, at: number): unknown {
  if (match === undefined || !(error instanceof SpillwayError)) return error;
  return new SpillwayError(error.code, `In \`routes[${at}]\`: ${error.message}`, { cause: error });
}
