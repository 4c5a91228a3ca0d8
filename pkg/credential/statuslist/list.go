package statuslist

// List is an array of statuses of 1, 2, 4 or 8 bits (draft, 4.1).
type List struct {
	bits int
	data []byte
}
