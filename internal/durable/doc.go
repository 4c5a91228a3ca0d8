// Package durable replaces and creates files so that they are whole or as they
// were, and are still there after a loss of power once the call returned nil.
//
// A file is written beside its place under a name of its own, synced, put in its
// place by one step (rename, or link where nothing may be there), and the folder
// is synced: POSIX.1-2024 rename and link are atomic for who looks, and durable
// only with the folder.
//
// What always holds: nil says durable. An error says that the old file is there
// whole, or the new one is: when the folder could not be synced nobody knows
// which after a loss of power, so that who has to know reads it again.
//
// Left out: appending, locks, and Windows.
package durable
