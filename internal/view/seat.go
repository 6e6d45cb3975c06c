package view

import (
	"slices"
)

// SeatAt returns the seat of one of the homes. Rendezvous hashing is over the seats, so a home
// that takes the seat of another takes over its rooms, and no other room moves.
func (v *View) SeatAt(i int) string {
	if len(v.Seats) == len(v.Homes) {
		return v.Seats[i]
	}
	return v.Homes[i]
}

// seats returns the seats of the homes.
func (v *View) seats() []string {
	if len(v.Seats) == len(v.Homes) {
		return v.Seats
	}
	return v.Homes
}

// WithNames returns the view with the names under which its members are hashed.
func (v View) WithNames() View {
	v.names = v.Members
	if len(v.Seats) != len(v.Homes) {
		return v
	}
	v.names = slices.Clone(v.Members)
	for i, id := range v.Homes {
		if at, ok := slices.BinarySearch(v.Members, id); ok {
			v.names[at] = v.Seats[i]
		}
	}
	return v
}
