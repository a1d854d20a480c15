//! Pictures that Chromium makes of what it shows.

use std::io::{BufRead, Seek};

/// The pixels of a picture.
#[derive(Debug)]
pub struct Picture {
    pixels: Vec<u8>,
    line: usize,
    /// Bytes of a pixel, red first.
    samples: usize,
}

impl Picture {
    /// Reads a PNG.
    ///
    /// # Panics
    /// When it is not one.
    #[must_use]
    #[track_caller]
    pub fn read(png: impl BufRead + Seek) -> Self {
        let mut reader = png::Decoder::new(png).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("it fits")];
        let info = reader.next_frame(&mut pixels).expect("a picture");
        Self {
            pixels,
            line: info.line_size,
            samples: info.color_type.samples(),
        }
    }

    /// Red, green and blue of a pixel, counted from the corner above on the left.
    #[must_use]
    pub fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let start = y * self.line + x * self.samples;
        [
            self.pixels[start],
            self.pixels[start + 1],
            self.pixels[start + 2],
        ]
    }

    /// Whether any pixel has this colour.
    #[must_use]
    pub fn has(&self, colour: [u8; 3]) -> bool {
        let mut pixels = self.pixels.chunks(self.samples);
        pixels.any(|pixel| pixel.starts_with(&colour))
    }
}
