//! From cells to pixels: images decoded, made one size, and laid out as a network takes them.

use crate::Draw;
use crate::network::ImageShape;
use automl_core::{Params, PredictError, TableView, Texts, Threads};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits, Rgb, RgbImage};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use std::io::Cursor;

/// Pixels along a side that a network is given at most.
const MAX_SIDE: u32 = 1024;
/// Pixels along a side of a file at most.
const MAX_FILE_SIDE: u32 = 32_768;
/// Bytes that one image may take while it is decoded.
const MAX_DECODE_BYTES: u64 = 1 << 30;

/// What colours a network is given.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Grey if all training images are.
    Auto,
    /// Brightness alone.
    Gray,
    /// Red, green and blue.
    Rgb,
}

/// How images are read, and how those that are learned from are changed each time.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct ImageParams {
    /// Column of images: files in base64, as folders of images and IDX files are read.
    #[param(default = "image".to_owned())]
    pub column: String,
    /// Pixels from top to bottom to which images are made; 0 where all have one size, which is kept.
    #[param(default = 0, range = 0..=1024)]
    pub height: u32,
    /// Pixels from left to right to which images are made; 0 where all have one size, which is kept.
    #[param(default = 0, range = 0..=1024)]
    pub width: u32,
    /// What colours are read: `auto`, `gray` or `rgb`; auto reads grey if all training images are.
    #[param(default = Color::Auto)]
    pub color: Color,
    /// Share of a side by which images that are learned from are moved at random, at most.
    #[param(default = 0.1, range = 0.0..=0.5)]
    pub shift: f64,
    /// Whether half of the images that are learned from are mirrored left to right, at random; not where sides matter, as
    /// in letters.
    #[param(default = false)]
    pub flip: bool,
    /// How strongly images that are learned from are blended with each other, and their classes with them: the parameter
    /// of mixup, such as 0.2; 0 for not at all.
    #[param(default = 0.0, range = 0.0..=2.0, alias = "mixup_alpha")]
    pub mixup: f64,
}

/// The size and colours to which images are made, and how their values are scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    height: u32,
    width: u32,
    /// Mean of each channel, from 0 to 1; there is one channel or three.
    mean: Vec<f32>,
    /// Deviation of each channel.
    deviation: Vec<f32>,
}

/// Images of one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    n_rows: usize,
    /// `rows × height × width × channels`.
    bytes: Vec<u8>,
}

impl Pixels {
    /// Images.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
}

/// What the head of a file says.
#[derive(Clone, Copy)]
struct Head {
    width: u32,
    height: u32,
    has_color: bool,
}

impl Form {
    /// The form that is asked for, or that these images have, and the images in it; values are scaled by theirs.
    ///
    /// # Errors
    /// A cell that is no image, or images of several sizes where no size is asked for.
    pub fn fit(
        rows: &TableView<'_>,
        params: &ImageParams,
        threads: &Threads,
    ) -> Result<(Self, Pixels), PredictError> {
        let mut form = Self::unscaled(rows, params, threads)?;
        let pixels = form.read(rows, &params.column, threads)?;
        form.scale(&pixels.bytes);
        Ok((form, pixels))
    }

    /// As [`Form::fit`], by the heads of files alone.
    ///
    /// # Errors
    /// As [`Form::fit`].
    pub fn unscaled(
        rows: &TableView<'_>,
        params: &ImageParams,
        threads: &Threads,
    ) -> Result<Self, PredictError> {
        let column = Cells::of(rows, &params.column)?;
        let is_told = params.height > 0 && params.width > 0 && params.color != Color::Auto;
        let heads = if is_told {
            Vec::new()
        } else {
            column.each(threads, head)?
        };
        let (height, width) = match (params.height, params.width) {
            (0, _) | (_, 0) => column.one_size(&heads)?,
            told => told,
        };
        let has_color = match params.color {
            Color::Auto => heads.iter().any(|head| head.has_color),
            Color::Gray => false,
            Color::Rgb => true,
        };
        let n_channels = if has_color { 3 } else { 1 };
        Ok(Self {
            height,
            width,
            mean: vec![0.0; n_channels],
            deviation: vec![1.0; n_channels],
        })
    }

    /// Takes mean and deviation from the bytes of images, summed in their order.
    fn scale(&mut self, bytes: &[u8]) {
        let n_channels = self.mean.len();
        for channel in 0..n_channels {
            let (mut sum, mut squares, mut n) = (0.0, 0.0, 0.0);
            for &byte in bytes.iter().skip(channel).step_by(n_channels) {
                let value = f64::from(byte) / 255.0;
                sum += value;
                squares += value * value;
                n += 1.0;
            }
            let mean: f64 = sum / n;
            let deviation = (squares / n - mean * mean).max(0.0).sqrt();
            self.mean[channel] = mean as f32;
            // Images of one colour have nothing to scale.
            let is_spread = deviation > 1e-4;
            self.deviation[channel] = if is_spread { deviation as f32 } else { 1.0 };
        }
    }

    /// What a network must know.
    pub fn shape(&self) -> ImageShape {
        ImageShape {
            height: self.height as usize,
            width: self.width as usize,
            channels: self.mean.len(),
        }
    }

    /// Whether all of it is as it must be.
    pub fn is_sound(&self) -> bool {
        let is_side = |side: u32| (1..=MAX_SIDE).contains(&side);
        let channels = self.mean.len();
        is_side(self.height)
            && is_side(self.width)
            && (channels == 1 || channels == 3)
            && self.deviation.len() == channels
            && self.mean.iter().all(|mean| mean.is_finite())
            && self
                .deviation
                .iter()
                .all(|one| one.is_finite() && *one > 0.0)
    }

    /// Reads images.
    ///
    /// # Errors
    /// A column that is not there, or a cell that is no image.
    pub fn read(
        &self,
        rows: &TableView<'_>,
        column: &str,
        threads: &Threads,
    ) -> Result<Pixels, PredictError> {
        let images = Cells::of(rows, column)?.each(threads, |text| self.image(text))?;
        Ok(Pixels {
            n_rows: images.len(),
            bytes: images.concat(),
        })
    }

    /// The pixels of one image, laid over white and stretched to the form.
    fn image(&self, text: &str) -> Result<Vec<u8>, String> {
        let image = over_white(decode(text)?);
        let is_resized = image.width() != self.width || image.height() != self.height;
        let image = if is_resized {
            image.resize_exact(self.width, self.height, FilterType::Triangle)
        } else {
            image
        };
        Ok(if self.mean.len() == 1 {
            image.into_luma8().into_raw()
        } else {
            image.into_rgb8().into_raw()
        })
    }

    /// Images as `rows × channels × height × width`; moved and mirrored at random where that is wanted and while training.
    pub(super) fn batch<B: Backend>(
        &self,
        pixels: &Pixels,
        rows: &[u32],
        changes: Option<(&ImageParams, &mut Draw)>,
        device: &B::Device,
    ) -> Tensor<B, 4> {
        let ImageShape {
            height,
            width,
            channels,
        } = self.shape();
        let mut random = changes.and_then(|(params, draw)| Some((params, draw.next_seed()?.rng())));
        let length = height * width * channels;
        let mut values = Vec::with_capacity(rows.len() * length);
        for &row in rows {
            let image = &pixels.bytes[row as usize * length..][..length];
            let change = random.as_mut().map(|(params, rng)| {
                let mut shift = |side: usize| {
                    let most = (side as f64 * params.shift) as i64;
                    rng.random_range(-most..=most)
                };
                let (down, right) = (shift(height), shift(width));
                (down, right, params.flip && rng.random::<bool>())
            });
            let (down, right, is_mirrored) = change.unwrap_or((0, 0, false));
            for channel in 0..channels {
                let (mean, deviation) = (self.mean[channel], self.deviation[channel]);
                for y in 0..height {
                    // What is moved in from outside repeats the edge.
                    let y = (y as i64 - down).clamp(0, height as i64 - 1) as usize;
                    for x in 0..width {
                        let x = (x as i64 - right).clamp(0, width as i64 - 1) as usize;
                        let x = if is_mirrored { width - 1 - x } else { x };
                        let byte = image[(y * width + x) * channels + channel];
                        values.push((f32::from(byte) / 255.0 - mean) / deviation);
                    }
                }
            }
        }
        let shape = [rows.len(), channels, height, width];
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

/// The cells of a column of images.
struct Cells<'a> {
    name: &'a str,
    texts: &'a Texts,
    rows: Vec<usize>,
}

impl<'a> Cells<'a> {
    fn of(rows: &TableView<'a>, name: &'a str) -> Result<Self, PredictError> {
        let texts = rows.text(name)?;
        Ok(Self {
            name,
            texts,
            rows: rows.iter_rows().collect(),
        })
    }

    /// What `f` makes of each cell; the first row that it cannot take is told of.
    fn each<T: Send>(
        &self,
        threads: &Threads,
        f: impl Fn(&str) -> Result<T, String> + Sync + Send,
    ) -> Result<Vec<T>, PredictError> {
        let of = |place: usize| match self.texts.get(self.rows[place]) {
            Some(text) => f(text),
            None => Err("is missing".to_owned()),
        };
        let all = threads.map(self.rows.len(), of);
        let told = |(place, one): (usize, Result<T, String>)| {
            one.map_err(|reason| self.refused(place, reason))
        };
        all.into_iter().enumerate().map(told).collect()
    }

    fn refused(&self, place: usize, reason: String) -> PredictError {
        PredictError::Cell {
            name: self.name.to_owned(),
            row: self.rows[place],
            reason,
        }
    }

    /// Height and width of all.
    fn one_size(&self, heads: &[Head]) -> Result<(u32, u32), PredictError> {
        let Some(first) = heads.first() else {
            return Ok((1, 1));
        };
        let size = (first.height, first.width);
        let other = heads
            .iter()
            .position(|head| (head.height, head.width) != size);
        match other {
            Some(place) => {
                let Head { width, height, .. } = heads[place];
                let (first_height, first_width) = size;
                Err(self.refused(
                    place,
                    format!(
                        "is {width} × {height} pixels, others are {first_width} × {first_height}: set images.height and images.width"
                    ),
                ))
            }
            None if size.0.max(size.1) > MAX_SIDE => Err(self.refused(
                0,
                format!(
                    "has {} pixels along a side, {MAX_SIDE} are allowed: set images.height and images.width",
                    size.0.max(size.1)
                ),
            )),
            None => Ok(size),
        }
    }
}

fn reader(text: &str) -> Result<ImageReader<Cursor<Vec<u8>>>, String> {
    // Browsers write where the text comes from and what it is before it.
    let text = match text.split_once(";base64,") {
        Some((head, rest)) if head.starts_with("data:") => rest,
        _ => text,
    };
    let bytes = STANDARD.decode(text.trim());
    let bytes = bytes.map_err(|_not_base64| "is no image in base64".to_owned())?;
    let mut reader = ImageReader::new(Cursor::new(bytes));
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_FILE_SIDE);
    limits.max_image_height = Some(MAX_FILE_SIDE);
    limits.max_alloc = Some(MAX_DECODE_BYTES);
    reader.limits(limits);
    reader
        .with_guessed_format()
        .map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::error::Error) -> String {
    format!("cannot be read as an image ({error})")
}

fn head(text: &str) -> Result<Head, String> {
    let decoder = reader(text)?.into_decoder();
    let decoder = decoder.map_err(|error| unreadable(&error))?;
    let (width, height) = decoder.dimensions();
    Ok(Head {
        width,
        height,
        has_color: decoder.color_type().has_color(),
    })
}

fn decode(text: &str) -> Result<DynamicImage, String> {
    let image = reader(text)?.decode();
    let image = image.map_err(|error| unreadable(&error))?;
    if image.width() == 0 || image.height() == 0 {
        return Err("is an image without pixels".to_owned());
    }
    Ok(image)
}

/// The image of a cell as a PNG file, no side of which is longer than `side_max`, with its height and width.
///
/// # Errors
/// It is no image.
pub fn as_png(cell: &str, side_max: u32) -> Result<(Vec<u8>, [u32; 2]), String> {
    let mut image = over_white(decode(cell)?);
    if image.width().max(image.height()) > side_max {
        image = image.thumbnail(side_max, side_max);
    }
    // What browsers show: eight bits a channel.
    let image = DynamicImage::ImageRgb8(image.into_rgb8());
    let mut file = Cursor::new(Vec::new());
    let written = image.write_to(&mut file, image::ImageFormat::Png);
    written.map_err(|error| format!("cannot be written as PNG: {error}"))?;
    Ok((file.into_inner(), [image.height(), image.width()]))
}

/// An image whose see-through parts show white, as on paper; one without such parts as it is.
fn over_white(image: DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return image;
    }
    let layered = image.into_rgba8();
    let flat = RgbImage::from_fn(layered.width(), layered.height(), |x, y| {
        let [red, green, blue, alpha] = layered.get_pixel(x, y).0.map(u32::from);
        let mix = |value: u32| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        Rgb([mix(red), mix(green), mix(blue)])
    });
    DynamicImage::ImageRgb8(flat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_through_is_white() {
        let mut image = image::RgbaImage::new(3, 1);
        image.put_pixel(0, 0, image::Rgba([10, 20, 30, 0]));
        image.put_pixel(1, 0, image::Rgba([10, 20, 30, 255]));
        image.put_pixel(2, 0, image::Rgba([0, 0, 255, 51]));
        let mut file = Cursor::new(Vec::new());
        image
            .write_to(&mut file, image::ImageFormat::Png)
            .expect("it is written");
        let form = Form {
            height: 1,
            width: 3,
            mean: vec![0.0; 3],
            deviation: vec![1.0; 3],
        };
        let pixels = form.image(&STANDARD.encode(file.into_inner()));
        assert_eq!(
            pixels.expect("it is an image"),
            [255, 255, 255, 10, 20, 30, 204, 204, 255]
        );
    }
}
