/** ONNX's numbers of element types, as casts want them. */
export const CAST = { float: 1, int64: 7, bool: 9 } as const;
