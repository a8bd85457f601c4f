// Package instance makes sure that there is one bridge a user, and one owner of
// the network side a machine (lock_linux.go, side_linux.go), and finds the private directory
// that a user's instance is met in (directory.go).
package instance
