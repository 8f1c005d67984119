// Package ledger records who changed what in an environment, when, from which
// commit, before and after, so that nobody can alter it unseen.
//
// Two chains are kept. The ledger proper is a table of records, each with a hash
// over its content and the hash of the record before; a record is appended in the
// transaction of the change that it tells of. The catalog has a feed of its own,
// which says the same of every edit: it is not stored twice, but sealed afterwards,
// in batches, by a hash that runs over its entries.
//
// A Keeper signs how far both chains are, every few seconds while something
// happens, and writes that to the bucket: a checkpoint, a signed note
// (golang.org/x/mod/sumdb/note) that names the checkpoint before it. Verify holds
// database and checkpoints against each other and says what was edited, dropped,
// reordered or cut off.
//
// Whoever holds the database, the bucket and the key can make another history. It
// is found where the public key or a checkpoint was kept elsewhere.
package ledger
