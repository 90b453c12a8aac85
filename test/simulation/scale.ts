/** How much is simulated where all of it is run. */

/** For so many turnovers a world is planned; operators and the time after it make it about three times as many. */
export const TURNOVERS_PER_WORLD = 12;

/** Worlds of the full run: in all a million turnovers and more. */
export const WORLDS = { full: 800, lean: 29_500 } as const;
