// The subpath `@spillway/core/spool`: for tools that look at spools, or empty them, without being their application.

export { codecs } from './compression.js';
export type { DeadLetter } from './dead-letter.js';
export { folderName } from './directory.js';
export { diskKind, ephemeralStorageLimit, processIdentity } from './environment.js';
export { inspectSegment, type SegmentFrames } from './survey/frames.js';
export { type Keys, spoolKeys } from './survey/keys.js';
export { type LetterFile, readDeadLetters } from './survey/letters.js';
export { type FoundBatch, readBatches } from './survey/records.js';
export type { FrameSurvey, SegmentPlace, SegmentSurvey } from './survey/segment-survey.js';
export { type FolderSurvey, type OwnerSurvey, type QueueSurvey, surveySpools } from './survey/survey.js';
export { type Fault, type Verification, verifySegment } from './survey/verify.js';
