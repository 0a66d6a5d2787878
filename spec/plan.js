/** A major version that differs is refused; unknown fields of a newer minor one are ignored. */
export const PLAN_FORMAT = '2.0';
/** Older major versions that are still read: plans of one shard, whose functions run as a whole. */
export const PLAN_FORMATS_READ = ['1', '2'];
