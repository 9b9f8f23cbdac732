// All frames of one segment, as their headers tell.

import { readingDisk } from './reading-disk.js';
import { type FrameSurvey, type SegmentPlace, type SegmentSurvey, surveyFrame, walkSegment } from './segment-survey.js';

/** A segment with its frames. */
export interface SegmentFrames {
  readonly segment: SegmentSurvey;
  readonly frames: readonly FrameSurvey[];
}

/** Lists a segment's frames. Never rejects because of the disk: the survey's `state` says so. */
export async function inspectSegment(place: SegmentPlace): Promise<SegmentFrames> {
  const { survey, walk } = await readingDisk().run(() => walkSegment(place));
  return { segment: survey, frames: walk?.found.frames.map(surveyFrame) ?? [] };
}
