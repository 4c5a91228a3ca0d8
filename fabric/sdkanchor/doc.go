// Command sdkanchor anchors a log's witnessed checkpoints on a Fabric network
// older than the Gateway service, by the archived fabric-sdk-go. It is a binary
// of its own because that library and fabric-gateway register the same protocol
// buffers and cannot be linked together. README.md tells its limits.
//
// What always holds: only a checkpoint that the log's policy accepts, witnesses
// included, and that continues what was anchored last; at most one transaction
// an interval; the signed bytes are durable before they are broadcast, and the
// same bytes are broadcast again while the outcome is unknown; a proof is
// checked offline before it is handed to the hub.
//
// Left out: digests of public statements (internal/anchor has them ride), and
// metrics.
package main
