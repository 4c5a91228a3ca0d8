// Package life follows persons through what happens to them, by the public doors
// alone: a name that changes, a card that is suspended, a phone that is lost, a
// death.
package life
