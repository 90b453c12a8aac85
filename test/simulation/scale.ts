/** How much is simulated where all of it is run. */

/** For so many turnovers a world is planned; operators and the time after it make it about three times as many. */
export const TURNOVERS_PER_WORLD = 12;

/** Worlds of the full run: in all a million turnovers and more. A full world takes as long as some thirty lean ones. */
export const WORLDS = { full: 400, lean: 32_500 } as const;
