"""mail to readers, changes of address, limits, tokens."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'reader_mail',
        sa.Column('id', BIG, nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('subscriber_id', BIG, nullable=False),
        sa.Column('email', sa.String(), nullable=False),
        sa.Column('newsletters', sa.JSON(), nullable=False),
        sa.Column('language', sa.String(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('next_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('error', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_reader_mail')),
        sqlite_autoincrement=True,
    )
    op.create_index('ix_reader_mail_subscriber_id', 'reader_mail', ['subscriber_id'])
    op.create_index('ix_reader_mail_next_at', 'reader_mail', ['next_at'])
    op.create_table(
        'address_change',
        sa.Column('subscriber_id', BIG, autoincrement=False, nullable=False),
        sa.Column('email', sa.String(), nullable=False),
        sa.Column('mail_id', BIG, nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('ip', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('subscriber_id', name=op.f('pk_address_change')),
    )
    op.create_table(
        'hit',
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('span', BIG, nullable=False),
        sa.Column('count', sa.Integer(), nullable=False),
        sa.Column('until', BIG, nullable=False),
        sa.PrimaryKeyConstraint('key', 'span', name=op.f('pk_hit')),
        sqlite_with_rowid=False,
    )
    op.create_index('ix_hit_until', 'hit', ['until'])
    op.create_table(
        'api_token',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('token_hash', sa.String(), nullable=False),
        sa.Column('scopes', sa.JSON(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_api_token')),
        sa.UniqueConstraint('name', name=op.f('uq_api_token_name')),
        sa.UniqueConstraint('token_hash', name=op.f('uq_api_token_token_hash')),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table('api_token')
    op.drop_table('hit')
    op.drop_table('address_change')
    op.drop_table('reader_mail')
