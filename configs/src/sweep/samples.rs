// SPDX-License-Identifier: MIT OR Apache-2.0
//! Points that fill a space of several ranges: Sobol's sequence and Latin hypercubes, with integers only.

/// Most dimensions of a Sobol sequence.
pub(super) const SOBOL_DIMENSIONS: usize = 10;

/// Degree, coefficients and first direction numbers of the primitive polynomials of dimensions 2 to 10.
///
/// Source: Joe and Kuo, Constructing Sobol sequences with better two-dimensional projections, SIAM J. Sci. Comput. 30, 2008
/// (their table `new-joe-kuo-6`).
const POLYNOMIALS: [(u32, u32, &[u32]); SOBOL_DIMENSIONS - 1] = [
    (1, 0, &[1]),
    (2, 1, &[1, 3]),
    (3, 1, &[1, 3, 1]),
    (3, 2, &[1, 1, 1]),
    (4, 1, &[1, 1, 3, 3]),
    (4, 4, &[1, 3, 5, 13]),
    (5, 2, &[1, 1, 5, 5, 17]),
    (5, 4, &[1, 1, 5, 5, 5]),
    (5, 7, &[1, 1, 7, 11, 19]),
];

/// Bits of a coordinate.
const BITS: u32 = 32;

/// The direction numbers of a dimension, counted from 0.
fn directions(dimension: usize) -> [u32; BITS as usize] {
    let mut v = [0_u32; BITS as usize];
    let Some((degree, coefficients, first)) = dimension.checked_sub(1).map(|d| POLYNOMIALS[d]) else {
        // The van der Corput sequence.
        v.iter_mut().enumerate().for_each(|(i, v)| *v = 1 << (BITS - 1 - i as u32));
        return v;
    };
    let s = degree as usize;
    for i in 0..BITS as usize {
        if i < s {
            v[i] = first[i] << (BITS - 1 - i as u32);
            continue;
        }
        v[i] = v[i - s] ^ (v[i - s] >> s);
        for k in 1..s {
            if (coefficients >> (s - 1 - k)) & 1 == 1 {
                v[i] ^= v[i - k];
            }
        }
    }
    v
}

/// Points `skip` to before `skip + n` of the Sobol sequence in Gray code order, unscrambled, `[point][dimension]`, each coordinate from 0 to below 1.
/// The first point of all is the origin.
///
/// Source: Antonov and Saleev, USSR Comput. Math. Math. Phys. 19, 1979, for the order.
pub(super) fn sobol(n: u32, skip: u32, dimensions: usize) -> Vec<Vec<f64>> {
    let tables: Vec<[u32; BITS as usize]> = (0..dimensions).map(directions).collect();
    let coordinate = |table: &[u32; BITS as usize], i: u32| {
        let gray = i ^ (i >> 1);
        let bits = (0..BITS).filter(|b| (gray >> b) & 1 == 1).fold(0, |x, b| x ^ table[b as usize]);
        f64::from(bits) / 2_f64.powi(BITS as i32)
    };
    (skip..skip + n).map(|i| tables.iter().map(|t| coordinate(t, i)).collect()).collect()
}

/// A Latin hypercube of `n` points: cut into `n` slices of equal width, every dimension has one point in each, at a random place in it.
///
/// Source: McKay, Beckman and Conover, Technometrics 21, 1979.
pub(super) fn latin_hypercube(n: u32, seed: u64, dimensions: usize) -> Vec<Vec<f64>> {
    let mut random = SplitMix(seed);
    let mut points = vec![Vec::with_capacity(dimensions); n as usize];
    for _ in 0..dimensions {
        let mut slices: Vec<u32> = (0..n).collect();
        for i in (1..slices.len()).rev() {
            slices.swap(i, random.below(i as u64 + 1) as usize);
        }
        for (point, slice) in points.iter_mut().zip(slices) {
            // 20 bits of a place within the slice.
            let place = random.below(1 << 20) as f64 / f64::from(1 << 20);
            point.push((f64::from(slice) + place) / f64::from(n));
        }
    }
    points
}

/// Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`; the bias for the small `n` used here is below 2^-32.
    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_points_are_the_published_ones() {
        let first =
            [[0.0, 0.0], [0.5, 0.5], [0.75, 0.25], [0.25, 0.75], [0.375, 0.375], [0.875, 0.875], [0.625, 0.125]];
        assert_eq!(sobol(7, 0, 2), first.map(|p| p.to_vec()));
        assert_eq!(sobol(3, 4, 2), first[4..].iter().map(|p| p.to_vec()).collect::<Vec<_>>());
    }

    #[test]
    fn any_two_to_the_k_first_points_hit_every_slice_once_in_each_dimension() {
        for k in 1..9 {
            let n = 1_u32 << k;
            for points in [sobol(n, 0, SOBOL_DIMENSIONS), latin_hypercube(n, 7, SOBOL_DIMENSIONS)] {
                for d in 0..SOBOL_DIMENSIONS {
                    let mut slices: Vec<u32> = points.iter().map(|p| (p[d] * f64::from(n)) as u32).collect();
                    slices.sort_unstable();
                    assert!(slices.iter().copied().eq(0..n), "dimension {d}, {n} points");
                }
            }
        }
    }

    #[test]
    fn dimensions_differ_and_a_seed_repeats_itself() {
        let points = sobol(64, 0, SOBOL_DIMENSIONS);
        for (a, b) in (0..SOBOL_DIMENSIONS).flat_map(|a| (0..a).map(move |b| (a, b))) {
            assert!(points.iter().any(|p| (p[a] - p[b]).abs() > 0.1), "{a} and {b} are one");
        }
        assert_eq!(latin_hypercube(5, 1, 3), latin_hypercube(5, 1, 3));
        assert_ne!(latin_hypercube(5, 1, 3), latin_hypercube(5, 2, 3));
    }
}
