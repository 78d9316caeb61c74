//! Golden model: what leaves of a packet of `n` vectors of `beats` beats of `m` bytes.

/// Without `axpy`: the beats that are needed.
pub fn plain(packet: &[u8], m: usize, beats: usize, n: usize) -> Vec<Vec<u8>> {
    let needed = packet.chunks(m).take(n * beats);
    needed.map(<[u8]>::to_vec).collect()
}

/// With `axpy`: columns over blocks of `m` vectors, vectors past `n` as zeros.
pub fn columns(packet: &[u8], m: usize, beats: usize, n: usize) -> Vec<Vec<u8>> {
    let len = beats * m;
    let vectors: Vec<&[u8]> = packet.chunks(len).take(n).collect();
    let mut columns = Vec::new();
    for block in vectors.chunks(m) {
        for i in 0..len {
            let mut column: Vec<u8> = block.iter().map(|v| v[i]).collect();
            column.resize(m, 0);
            columns.push(column);
        }
    }
    columns
}

/// The vector that is cut when the packet has `there` beats, at least 1.
pub fn cut(there: usize, beats: usize, n: usize) -> Option<usize> {
    (there < n * beats).then(|| (there - 1) / beats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_packets_by_hand() {
        // Three vectors of one beat of two bytes, and a beat too many.
        let packet = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(plain(&packet, 2, 1, 3), [[1, 2], [3, 4], [5, 6]]);
        assert_eq!(columns(&packet, 2, 1, 3), [[1, 3], [2, 4], [5, 0], [6, 0]]);
        assert_eq!(columns(&packet, 2, 2, 2), [[1, 5], [2, 6], [3, 7], [4, 8]]);
        assert_eq!(
            [4, 3, 1].map(|there| cut(there, 2, 2)),
            [None, Some(1), Some(0)]
        );
        assert_eq!(
            cut(2, 2, 2),
            Some(0),
            "the last beat of a vector that is not the last"
        );
    }
}
