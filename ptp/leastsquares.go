package ptp

import "math"

// unknowns is how many a leastSquares can have.
const unknowns = 6

// row is the derivative of one measurement by each unknown.
type row [unknowns]float64

// leastSquares gathers the normal equations of measurements and solves them
// (Cholesky). The zero value is empty.
type leastSquares struct {
	normal [unknowns]row // lower triangle
	right  row
	root   [unknowns]row // its Cholesky factor
	n      int           // unknowns in use
}

// add takes a measurement that is off by a residual.
func (l *leastSquares) add(by *row, residual, weight float64) {
	for i, d := range by {
		d *= weight
		l.right[i] += d * residual
		for j := range i + 1 {
			l.normal[i][j] += d * by[j]
		}
	}
}

// degenerate is the part of an unknown's own weight that others may not explain.
const degenerate = 1e-10

// solve returns the correction of the first n unknowns, the rest being known; ok
// is false if the measurements do not tell them apart.
func (l *leastSquares) solve(n int) (x row, ok bool) {
	l.n = n
	for i := range n {
		for j := range i + 1 {
			sum := l.normal[i][j]
			for k := range j {
				sum -= l.root[i][k] * l.root[j][k]
			}
			switch {
			case j < i:
				l.root[i][j] = sum / l.root[j][j]
			case sum > degenerate*l.normal[i][i]: // false for NaN
				l.root[i][i] = math.Sqrt(sum)
			default:
				return row{}, false
			}
		}
	}
	x = l.forward(&l.right)
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			x[i] -= l.root[k][i] * x[k]
		}
		x[i] /= l.root[i][i]
	}
	return x, true
}

// forward solves root·y = b.
func (l *leastSquares) forward(b *row) (y row) {
	for i := range l.n {
		y[i] = b[i]
		for k := range i {
			y[i] -= l.root[i][k] * y[k]
		}
		y[i] /= l.root[i][i]
	}
	return y
}

// variance returns that of a sum of the unknowns, each times its share, if the
// weights are the inverse of the measurements' variance. It follows solve.
func (l *leastSquares) variance(share row) (v float64) {
	for _, y := range l.forward(&share) {
		v += y * y
	}
	return v
}

// explained returns by how much the solution lowers the sum of the weighted
// squares of the residuals.
func (l *leastSquares) explained() float64 { return l.variance(l.right) }
